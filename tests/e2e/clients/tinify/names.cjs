// Loaded before a client: the names of Tinify's servers lead to the test's relay, as lines of /etc/hosts would make
// them, and a client that brings its own list of authorities trusts the relay's. The client itself stays as it is.
const tls = require("node:tls");
const { readFileSync } = require("node:fs");

const { names, port, ca } = JSON.parse(process.env.TINIFY_NAMES);
const authority = readFileSync(ca);
const connect = tls.connect;

tls.connect = function (options, ...rest) {
  if (typeof options !== "object" || !names.includes(options.host)) return connect(options, ...rest);
  const servername = options.servername || options.host;
  return connect({ ...options, host: "127.0.0.1", port, servername, ca: authority }, ...rest);
};
