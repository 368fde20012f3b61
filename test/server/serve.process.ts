import { startServer } from '#server';

/** A registry in a process of its own, to be killed: `node serve.process.ts DATADIR [PORT]`. Says where it listens. */
const { address } = await startServer({
  dataDir: process.argv[2] ?? '',
  port: Number(process.argv[3] ?? 0),
  report: (error) => console.error(error),
});
console.log(address);
