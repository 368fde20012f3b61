import { type BboltCheck, checkBbolt } from '#bbolt';

/** What a valid file holds; fails where it has faults. */
export async function checkedBbolt(path: string): Promise<Omit<BboltCheck, 'faults' | 'isStopped'>> {
  const { faults, isStopped, ...found } = await checkBbolt(path);
  if (isStopped || faults.length > 0) throw new Error(`${path}: ${JSON.stringify(faults.slice(0, 5))}`);
  return found;
}
