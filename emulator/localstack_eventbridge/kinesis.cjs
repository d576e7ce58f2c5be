// For Kinesis, a Node program that LocalStack starts and that cannot be told where to listen.
"use strict";

const { Server } = require("node:net");
const listen = Server.prototype.listen;

// Every port is one of loopback: only LocalStack calls it.
Server.prototype.listen = function (port, host, ...more) {
  if (typeof port !== "number") return listen.call(this, port, host, ...more);
  const rest = typeof host === "string" ? more : [host, ...more];
  return listen.call(this, port, "127.0.0.1", ...rest);
};

// It ends when LocalStack has ended, even by kill -9: then another process is its parent.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 1000).unref();
