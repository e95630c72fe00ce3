// node look.mjs <browser> <address> …: opens each page, and says in JSON what was seen, asked for and complained of.
import { chromium } from "playwright-core";

const [executablePath, ...addresses] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const seen = [];
for (const address of addresses) {
  const page = await (await browser.newContext()).newPage();
  const said = { requests: [], complaints: [] };
  page.on("request", (request) => said.requests.push(request.url()));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.complaints.push(message.text());
  });
  page.on("pageerror", (error) => said.complaints.push(String(error)));
  page.on("requestfailed", (request) => said.complaints.push(`failed: ${request.url()}`));
  page.on("response", (response) => {
    if (response.status() >= 400) said.complaints.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector("[data-ready] .opblock", { timeout: 60000 });
  said.title = await page.locator(".info .title").first().innerText();
  said.operations = await page.locator(".opblock").count();
  said.apis = await page.locator("nav a[href*='api=']").count();
  said.errors = await page.locator(".errors-wrapper").allInnerTexts();
  await page.locator(".opblock-summary-control").first().click(); // one operation, opened
  await page.waitForSelector(".opblock.is-open .responses-wrapper");
  said.opened = await page.locator(".opblock.is-open .responses-wrapper .response").count();
  seen.push(said);
}
await browser.close();
console.log(JSON.stringify(seen));
