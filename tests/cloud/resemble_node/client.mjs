// Runs one call of the vendor's client: node client.mjs BASE KEY METHOD JSON-ARGUMENTS; prints its answer.
import { Resemble } from '@resemble/node'

const [base, key, method, given] = process.argv.slice(2)
Resemble.setBaseUrl(base)
Resemble.setApiKey(key)
const answer = await Resemble.v2.detection[method](...JSON.parse(given))
process.stdout.write(JSON.stringify(answer))
