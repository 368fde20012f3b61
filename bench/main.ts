import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchExport } from './export.ts';
import { benchMirror } from './mirror.ts';
import { benchOci } from './oci.ts';
import { benchTrivy } from './trivy.ts';

/** Export: the data lie in `../shared/data` unless BENCH_DATA names them. */
const data = process.env['BENCH_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
const [name, ...args] = process.argv.slice(2);

if (name === 'export') {
  await benchExport(args, data);
} else if (name === 'oci') {
  await benchOci(args);
} else if (name === 'mirror') {
  await benchMirror(args, join(data, '..'));
} else if (name === 'trivy') {
  await benchTrivy(args, data);
} else {
  console.error(`usage: npm run bench -- export [--copies N] [--rounds N]
       npm run bench -- oci [--rounds N] [--slow-rounds N] [--large-count N] [--large-mib N]
                            [--small-count N] [--small-kib N] [--peers oras,crane,regctl,skopeo]
                            [--only push,pull,rerun,servers,readers]
       npm run bench -- mirror [--rounds N] [--small] [--only full,delta,planning,server]
       npm run bench -- trivy [--rounds N] [--small] [--mib N] [--only records,million,database,merge]`);
  process.exitCode = 2;
}
