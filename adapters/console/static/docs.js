"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const api = document.getElementById("api");
  SwaggerUIBundle({ domNode: api, url: api.dataset.document });
});
