// Loaded before a server that would listen on every interface and on a port of its own choice: it listens on loopback, on a
// port that the system picks, and says `LISTENING PORT` on stderr.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  const done = args.find((argument) => typeof argument === "function");
  this.once("listening", () => process.stderr.write(`LISTENING ${this.address().port}\n`));
  return listen.call(this, 0, "127.0.0.1", done);
};
