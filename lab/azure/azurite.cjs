// Starts Azurite's blob service and makes it take any storage account name. Which accounts exist is decided by the lab, in front
// of Azurite; nobody is ever told this key, so every request must come through there.
//
//   node azurite.cjs <azurite>/dist/src/blob/main.js [Azurite's own options]
"use strict";
const { randomBytes } = require("crypto");
const { dirname, join } = require("path");

const main = process.argv[2];
const key1 = randomBytes(32);
const Accounts = require(join(dirname(main), "..", "common", "AccountDataStore.js")).default;
Accounts.prototype.getAccount = (name) => ({ name, key1 });

// Standard input is the lab's end of a pipe: when the lab is gone, however it went, Azurite goes too.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

process.argv.splice(1, 2, main);
require(main);
