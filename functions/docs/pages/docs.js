// Nothing is fetched but the document named by the page; no validator, no fonts, nothing kept.
"use strict";
const place = document.getElementById("api");
SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  deepLinking: false,
  onComplete: () => place.setAttribute("data-ready", "true"),
});
