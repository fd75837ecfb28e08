// Starts Azurite's blob service, and makes it accept any storage account name. The lab checks in front of Azurite which
// accounts exist. Nobody gets the key below, so every request must pass the lab.
//
//   node azurite.cjs <azurite>/dist/src/blob/main.js [Azurite's own options]
"use strict";
const { randomBytes } = require("crypto");
const { dirname, join } = require("path");

const main = process.argv[2];
const key1 = randomBytes(32);
const Accounts = require(join(dirname(main), "..", "common", "AccountDataStore.js")).default;
Accounts.prototype.getAccount = (name) => ({ name, key1 });

// Standard input is a pipe from the lab. When the lab exits, for any cause, Azurite exits too.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

process.argv.splice(1, 2, main);
require(main);
