import { withWorkDir } from '../work-dir.ts';
import { type DatabasePlace, type OpenDatabase, type OpenDatabaseOptions, openDatabase } from './open.ts';

/**
 * Runs `use` on databases for Trivy, each in a file of this machine, and removes what was unpacked.
 *
 * @throws CodedError what openDatabase throws; a tag need not be pinned, since nothing is built of it
 */
export async function withDatabases<T>(
  places: readonly DatabasePlace[],
  watch: Pick<OpenDatabaseOptions, 'signal' | 'onProgress'>,
  use: (databases: readonly OpenDatabase[]) => Promise<T>,
): Promise<T> {
  return withWorkDir(async (workDir) => {
    const databases: OpenDatabase[] = [];
    for (const place of places) databases.push(await openDatabase(place, { ...watch, workDir, mustBePinned: false }));
    const result = await use(databases);
    for (const database of databases) await database.assertUnchanged();
    return result;
  });
}
