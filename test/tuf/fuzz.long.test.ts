import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCoded } from '#core';
import { readJson } from '../core/read-json.ts';
import { clientOf, type Members, newKey, Simulator } from './simulator.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** All paths of a document, to its members and items. */
function pathsOf(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (value === null || typeof value !== 'object') return [path];
  const children = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...children.flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

/** Puts another value at a path; undefined removes what is there. */
function changed(document: Json, path: readonly (string | number)[], to: Json | undefined): Json | undefined {
  if (path.length === 0) return to;
  const copy = structuredClone(document);
  let node = copy as Record<string | number, Json>;
  for (const key of path.slice(0, -1)) node = node[key] as Record<string | number, Json>;
  const last = path.at(-1) as string | number;
  if (to === undefined) delete node[last];
  else node[last] = to;
  return copy;
}

/** Values that were the end of other clients: wrong types, thresholds and versions out of range, names of prototypes. */
const values = fc.oneof(
  fc.constantFrom<Json | undefined>(
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53,
    '',
    '../x',
    '__proto__',
    'root',
    [],
    {},
  ),
  fc.jsonValue({ maxDepth: 2 }).map((value) => value as Json),
);

/** A sound repository with a stream, whose documents can be changed before or after they are signed. */
function repository(): Simulator {
  const simulator = new Simulator();
  simulator.delegate('feed', ['feed.*.json']);
  simulator.addTarget('feed', 'feed.1.json', 'one', { sequence: 1 });
  simulator.targets.version++;
  simulator.publish();
  return simulator;
}

const DOCUMENTS = ['2.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json', '1.feed.json'];

async function outcomeOf(simulator: Simulator): Promise<unknown> {
  try {
    const trusted = await clientOf(simulator).refresh();
    const found = await trusted.find('feed.1.json');
    return found && Buffer.from(await trusted.download(found)).toString();
  } catch (error) {
    return error;
  }
}

/** An error with a code, or that of the simulator for more bytes than were asked for. */
function isRefusal(outcome: unknown): boolean {
  return isCoded(outcome) || (outcome instanceof Error && outcome.message.endsWith(': endless'));
}

describe('a document with any one value changed', () => {
  it('is refused with a code where it is not signed, and never changes what is downloaded', async () => {
    const sound = repository();
    sound.publishRoot();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...DOCUMENTS), fc.nat(), values, async (name, at, to) => {
        const simulator = Object.assign(Object.create(sound) as Simulator, { files: new Map(sound.files) });
        const document = readJson(Buffer.from(simulator.file(name)).toString()) as Json;
        const paths = pathsOf(document);
        const other = changed(document, paths[at % paths.length] ?? [], to);
        simulator.files.set(`metadata/${name}`, Buffer.from(JSON.stringify(other) ?? ''));
        const outcome = await outcomeOf(simulator);
        // The same value written again is no change, and space around it is no part of a signed timestamp.
        if (outcome !== 'one') expect(isRefusal(outcome)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused with a code, or understood, where its key has signed it (CVE-2026-23991)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('root', 'timestamp', 'snapshot', 'targets', 'feed'),
        fc.nat(),
        values,
        async (role, at, to) => {
          const simulator = repository();
          simulator.tamper.set(role, {
            signed: (signed) => {
              const paths = pathsOf(signed as Json).slice(1);
              const other = changed(signed as Json, paths[at % paths.length] ?? [], to) as Members;
              for (const key of Object.keys(signed)) delete signed[key];
              for (const [key, value] of Object.entries(other)) {
                Object.defineProperty(signed, key, { value, enumerable: true, configurable: true, writable: true });
              }
            },
          });
          if (role === 'root') simulator.publishRoot();
          simulator.targets.version++;
          (simulator.delegated.get('feed') as { version: number }).version++;
          try {
            simulator.publish();
          } catch {
            return;
          }
          const outcome = await outcomeOf(simulator);
          if (outcome !== 'one' && outcome !== undefined) expect(isRefusal(outcome)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is signed with the keys of the role and no others, whatever else is in the list', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 3 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (by, threshold) => {
          const simulator = new Simulator();
          const keys = [newKey(), newKey('p256'), newKey()];
          const stranger = newKey();
          simulator.roles.timestamp = { keys, threshold };
          simulator.publishRoot();
          const chosen = new Set(by);
          const all = [...keys, stranger];
          simulator.roles.timestamp = { keys: [...chosen].map((i) => all[i] as (typeof all)[number]), threshold };
          simulator.publishTimestamp();
          const valid = [...chosen].filter((i) => i < keys.length).length;
          const outcome = await outcomeOf(simulator);
          expect(isCoded(outcome, 'ERR_EXPORT_SIGNATURE_INVALID')).toBe(valid < threshold);
        },
      ),
      { numRuns: 60 },
    );
  });
});
