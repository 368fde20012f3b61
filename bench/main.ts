import { fileURLToPath } from 'node:url';
import { benchExport } from './export.ts';

/** `npm run bench -- export [--copies N] [--rounds N]`; the data lie in `../shared/data` unless BENCH_DATA names them. */
const data = process.env['BENCH_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
const [name, ...args] = process.argv.slice(2);

if (name === 'export') {
  await benchExport(args, data);
} else {
  console.error('usage: npm run bench -- export [--copies N] [--rounds N]');
  process.exitCode = 2;
}
