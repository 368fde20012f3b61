import { BboltFile } from '#bbolt';
import {
  compareAdvisories,
  entriesOfRoot,
  IdTable,
  readDatabase,
  rootNames,
  type TrivyDatabase,
  textOfName,
} from '../trivy-merge.ts';
import { type AdvisoryFacts, factsOf, severityOf } from './facts.ts';
import { type Advisory, advisoriesOf, groupsOf } from './findings.ts';
import type { TrivyDbFile } from './unpack.ts';

/** What Trivy would report, as far as a database decides it. */
interface FindingFacts {
  readonly fixed: string;
  readonly affected: string;
  readonly severity: string;
  readonly status: number;
  /** The data source, where it is known. */
  readonly source: string;
}

/** What of a finding may change. */
type ChangedFact = 'fixed' | 'affected' | 'severity' | 'status';

/** A finding that is in one of two databases, or not the same in both. */
export interface FindingChange {
  readonly change: 'appears' | 'disappears' | 'changes';
  /** An ecosystem such as `npm`, or a bucket such as `debian 12`. */
  readonly group: string;
  readonly package: string;
  readonly id: string;
  readonly before?: FindingFacts;
  readonly after?: FindingFacts;
  /** Where it changes, what does. */
  readonly changed?: readonly ChangedFact[];
}

/**
 * What changes for findings from one trivy.db to another, in byte order of group, package and id. Memory is flat.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where one is not a trivy.db
 */
export async function* diffTrivyDbs(
  before: TrivyDbFile,
  after: TrivyDbFile,
  signal?: AbortSignal,
): AsyncGenerator<FindingChange> {
  await using old = await Side.open(before, signal);
  await using next = await Side.open(after, signal);
  const changed = await changedIds(old.database, next.database);
  const [oldGroups, nextGroups] = [groupsOf(old.database), groupsOf(next.database)];
  const groups = new Set([...oldGroups.keys(), ...nextGroups.keys()]);
  for (const group of [...groups].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    signal?.throwIfAborted();
    const pairs = pairUp(
      advisoriesOf(old.database, group, oldGroups.get(group) ?? []),
      advisoriesOf(next.database, group, nextGroups.get(group) ?? []),
    );
    for await (const [one, other] of pairs) {
      const change = await changeOf(
        one && { side: old, advisory: one },
        other && { side: next, advisory: other },
        changed,
      );
      if (change !== undefined) yield change;
    }
  }
}

/** A database and what is looked up in it. */
class Side implements AsyncDisposable {
  readonly database: TrivyDatabase;
  readonly #file: BboltFile;

  private constructor(file: BboltFile, database: TrivyDatabase) {
    this.#file = file;
    this.database = database;
  }

  static async open({ path, name }: TrivyDbFile, signal: AbortSignal | undefined): Promise<Side> {
    const file = await BboltFile.open(path, { name, signal });
    try {
      return new Side(file, await readDatabase(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async findingOf({ root, id, value }: Advisory): Promise<FindingFacts> {
    const facts: AdvisoryFacts = factsOf(value);
    const source = this.database.sourceIds.get(root) ?? '';
    const vulnerability = await this.#file.get([VULNERABILITY], id);
    const { fixed, affected, status } = facts;
    return { fixed, affected, severity: severityOf(facts, vulnerability, textOfName(id), source), status, source };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

const VULNERABILITY = Buffer.from(rootNames.vulnerability);

/** Ids of which the databases say something different: the severity of the others need not be looked up. */
async function changedIds(old: TrivyDatabase, next: TrivyDatabase): Promise<IdTable> {
  const table = new IdTable();
  const group = rootNames.vulnerability;
  for await (const [one, other] of pairUp(vulnerabilitiesOf(old), vulnerabilitiesOf(next))) {
    const isSame = one !== undefined && other !== undefined && Buffer.compare(one.value, other.value) === 0;
    if (!isSame) table.add((one ?? (other as Advisory)).id, 0);
  }
  return table;

  async function* vulnerabilitiesOf(database: TrivyDatabase): AsyncGenerator<Advisory> {
    for await (const batch of entriesOfRoot(database, group)) {
      for (const { bucket, key, value } of batch) {
        if (bucket.length !== 1 || key === undefined || value === undefined) continue;
        yield { group, root: group, package: NO_PACKAGE, id: key, value };
      }
    }
  }
}

const NO_PACKAGE = new Uint8Array(0);

type Pair<T> = readonly [one: T | undefined, other: T | undefined];

/** Two lists in order as one: what is in both, side by side. */
async function* pairUp(one: AsyncGenerator<Advisory>, other: AsyncGenerator<Advisory>): AsyncGenerator<Pair<Advisory>> {
  try {
    let [a, b] = [await one.next(), await other.next()];
    while (!a.done || !b.done) {
      const order = a.done ? 1 : b.done ? -1 : compareAdvisories(a.value, b.value);
      yield [order <= 0 ? (a.value as Advisory) : undefined, order >= 0 ? (b.value as Advisory) : undefined];
      if (order <= 0) a = await one.next();
      if (order >= 0) b = await other.next();
    }
  } finally {
    await one.return(undefined);
    await other.return(undefined);
  }
}

interface Held {
  readonly side: Side;
  readonly advisory: Advisory;
}

const FACTS: readonly ChangedFact[] = ['fixed', 'affected', 'severity', 'status'];

async function changeOf(
  old: Held | undefined,
  next: Held | undefined,
  changedIds: IdTable,
): Promise<FindingChange | undefined> {
  if (old !== undefined && next !== undefined && !mayDiffer(old, next, changedIds)) return undefined;
  const held = (next ?? old) as Held;
  const { group, package: name, id } = held.advisory;
  const before = old && (await old.side.findingOf(old.advisory));
  const after = next && (await next.side.findingOf(next.advisory));
  const place = { group, package: textOfName(name), id: textOfName(id) };
  if (before === undefined || after === undefined) {
    return after === undefined
      ? { change: 'disappears', ...place, ...(before && { before }) }
      : { change: 'appears', ...place, after };
  }
  const changed = FACTS.filter((fact) => before[fact] !== after[fact]);
  return changed.length === 0 ? undefined : { change: 'changes', ...place, before, after, changed };
}

function mayDiffer(old: Held, next: Held, changedIds: IdTable): boolean {
  const [one, other] = [old.advisory, next.advisory];
  return (
    Buffer.compare(one.value, other.value) !== 0 ||
    changedIds.flagsOf(one.id) !== undefined ||
    old.side.database.sourceIds.get(one.root) !== next.side.database.sourceIds.get(other.root)
  );
}
