import fc from 'fast-check';
import type { VersionGrammar } from '#versions';
import { ecosystemOf } from '../../../src/artifacts/ecosystems.ts';

/** One event, as OSV writes it. */
type OsvEvent = Readonly<Partial<Record<'introduced' | 'fixed' | 'last_affected' | 'limit', string>>>;

/** An entry of `affected` with ranges and listed versions. */
export interface OsvEntry {
  readonly package: { readonly ecosystem: string; readonly name: string };
  readonly ranges: readonly { readonly type: 'ECOSYSTEM'; readonly events: readonly OsvEvent[] }[];
  readonly versions: readonly string[];
}

/** Installed versions of a package, and what a record says of it. */
export interface OsvCase {
  readonly ecosystem: string;
  readonly entries: readonly OsvEntry[];
  readonly installed: readonly string[];
}

/** The ecosystems with versions of each that trivy can have installed and that have one order alone. */
const number = fc.constantFrom('0', '0', '1', '2', '3', '10');
const maybe = (weight: number, ...texts: string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 10 - weight, arbitrary: fc.constant('') }, { weight, arbitrary: fc.constantFrom(...texts) });
const joined = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.join(''));
const dot = fc.constant('.');

const semver = joined(
  joined(number, dot, number, dot, number),
  maybe(4, '-0', '-alpha', '-alpha.1', '-rc.2', '-beta-2', '-20200101000000-abcdef012345', '-experimental-1a2b'),
  maybe(1, '+b1'),
);
const pypi = joined(
  maybe(1, '1!'),
  joined(number, dot, number),
  maybe(4, '.0', '.1'),
  maybe(3, 'a1', 'b2', 'rc1', '.alpha0'),
  maybe(2, '.post1', '-1', 'r2'),
  maybe(2, '.dev1', 'dev'),
);
const maven = fc.oneof(
  joined(
    joined(number, dot, number),
    maybe(5, '.0', '.1'),
    maybe(4, '-SNAPSHOT', '-alpha-2', '.Final', '-rc1', '-jre', '-1'),
  ),
  fc.constantFrom('alpha-2', '0-SNAPSHOT', '0-alpha', '1-alpha'),
);

const gem = joined(
  joined(number, dot, number),
  maybe(5, '.0', '.1'),
  maybe(4, '.a', '.beta', '.beta2', '.rc.1', '-rc1', '.pre', '.rc1.0'),
);
/** NuGet counts four numbers. */
const nuget = joined(
  joined(number, dot, number, dot, number),
  maybe(3, '.0', '.1', '.2'),
  maybe(4, '-alpha', '-rc.2', '-preview1', '-beta-2'),
);
const packagist = joined(maybe(4, 'v'), joined(number, dot, number), maybe(6, '.0', '.1'), maybe(3, '-RC1', '-beta.2'));
const bitnami = joined(joined(number, dot, number, dot, number), maybe(5, '-0', '-1', '-10', '-2.1', '-r3'));
const jll = joined(joined(number, dot, number, dot, number), maybe(6, '+0', '+1', '+2'));

/** Versions of each ecosystem, those below zero among them. */
export const versionsOf: Readonly<Record<string, fc.Arbitrary<string>>> = {
  Go: joined(maybe(5, 'v'), semver),
  npm: semver,
  PyPI: pypi,
  Maven: maven,
  'crates.io': semver,
  RubyGems: gem,
  Packagist: packagist,
  NuGet: nuget,
  Pub: semver,
  Hex: semver,
  SwiftURL: semver,
  Julia: jll,
  Bitnami: bitnami,
  Kubernetes: joined(maybe(5, 'v'), semver),
  ConanCenter: semver,
};

/** Bounds of Bitnami that differ in what follows the hyphen alone are in no order: records have pre-releases and revisions. */
const isOneBound = (ecosystem: string, a: string, b: string): boolean =>
  ecosystem === 'Bitnami' && a.split('-')[0] === b.split('-')[0];

/** Records of up to two entries, whose events come in any order and often meet at one version. */
export function osvCases(ecosystem: string): fc.Arbitrary<OsvCase> {
  const version = versionsOf[ecosystem] as fc.Arbitrary<string>;
  return fc.tuple(poolOf(ecosystem, version), fc.array(version, { maxLength: 6 })).chain(([pool, others]) => {
    const one = fc.constantFrom(...pool);
    const zero = fc.oneof({ weight: 4, arbitrary: one }, { weight: 1, arbitrary: fc.constant('0') });
    const kind = fc.constantFrom('introduced', 'fixed', 'fixed', 'last_affected', 'limit');
    const event = fc.oneof(
      { weight: 20, arbitrary: fc.tuple(kind, zero).map(([name, text]): OsvEvent => ({ [name]: text })) },
      { weight: 1, arbitrary: fc.constant<OsvEvent>({ limit: '*' }) },
    );
    const start = fc.oneof(fc.constant('0'), one).map((introduced): OsvEvent => ({ introduced }));
    const events = fc
      .tuple(start, fc.array(event, { maxLength: 5 }))
      .chain(([first, rest]) => fc.shuffledSubarray([first, ...rest], { minLength: rest.length + 1 }));
    const entry = fc.record({
      package: fc.constant({ ecosystem, name: 'p' }),
      ranges: fc.array(
        events.map((found) => ({ type: 'ECOSYSTEM' as const, events: found })),
        {
          minLength: 1,
          maxLength: 2,
        },
      ),
      versions: fc.array(one, { maxLength: 1 }),
    });
    const entries = fc.array(entry, { minLength: 1, maxLength: 2 });
    return entries.map((found) => ({ ecosystem, entries: found, installed: [...pool, ...others] }));
  });
}

/** Six versions, which may be equal; of Bitnami none that is one bound with another, or with 0. */
function poolOf(ecosystem: string, version: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  if (ecosystem !== 'Bitnami') return fc.array(version, { minLength: 6, maxLength: 6 });
  const others = version.filter((text) => !isOneBound(ecosystem, text, '0.0.0'));
  return fc.uniqueArray(others, { minLength: 6, maxLength: 6, comparator: (a, b) => isOneBound(ecosystem, a, b) });
}

/** Orders two texts as the grammar of the ecosystem does. */
export function orderOf(ecosystem: string): Order {
  const known = ORDERS.get(ecosystem);
  if (known !== undefined) return known;
  const { grammar } = ecosystemOf(ecosystem) as { grammar: VersionGrammar };
  const parsed = new Map<string, unknown>();
  const read = (text: string): unknown => {
    if (!parsed.has(text)) parsed.set(text, (grammar.bound(text) ?? grammar.installed(text))?.version);
    return parsed.get(text);
  };
  const order = (a: string, b: string): number => grammar.compare(read(a), read(b));
  ORDERS.set(ecosystem, order);
  return order;
}

const ORDERS = new Map<string, Order>();

/**
 * The evaluation algorithm of the OSV schema, version by version and event by event: no ranges. Events at one version,
 * of which the schema says nothing, count in turn, an end first where a range is under way.
 */
export function isAffected(version: string, { ecosystem, entries }: OsvCase): boolean {
  const order = orderOf(ecosystem);
  return entries.some(
    ({ ranges, versions }) =>
      versions.some((listed) => order(listed, version) === 0) ||
      ranges.some(
        ({ events }) => isBelowLimits(version, events, order) && isInEvents(version, events, order, ecosystem),
      ),
  );
}

type Order = (a: string, b: string) => number;

function isBelowLimits(version: string, events: readonly OsvEvent[], order: Order): boolean {
  const limits = events.map(({ limit }) => limit).filter((limit) => limit !== undefined);
  return limits.length === 0 || limits.some((limit) => limit === '*' || order(version, limit) < 0);
}

function isInEvents(version: string, all: readonly OsvEvent[], order: Order, ecosystem: string): boolean {
  const inOrder = (a: string, b: string): number => (isOneBound(ecosystem, a, b) ? 0 : order(a, b));
  const compare = (a: OsvEvent, b: OsvEvent): number =>
    Number(isStart(b)) - Number(isStart(a)) || (isStart(a) ? 0 : inOrder(placeOf(a), placeOf(b)));
  const rest = all.filter(({ limit }) => limit === undefined).sort(compare);
  let state: State = { affected: false, underWay: false };
  while (rest[0] !== undefined) {
    const [first] = rest;
    const distance = isStart(first) ? 1 : order(version, placeOf(first));
    if (distance < 0) break;
    const here = rest.filter((event) => compare(first, event) === 0);
    rest.splice(0, here.length);
    state = after(here, distance > 0, state);
  }
  return state.affected;
}

/** Whether the version is affected, and whether later ones are. */
interface State {
  readonly affected: boolean;
  readonly underWay: boolean;
}

function isStart({ introduced }: OsvEvent): boolean {
  return introduced === '0';
}

function placeOf({ introduced, fixed, last_affected }: OsvEvent): string {
  return introduced ?? fixed ?? (last_affected as string);
}

/** What the events at one version leave behind. @param isBeyond whether the version asked for comes after that one */
function after(events: readonly OsvEvent[], isBeyond: boolean, before: State): State {
  let { affected, underWay } = before;
  const beginnings = events.filter(({ introduced }) => introduced !== undefined);
  const ends = [
    ...events.filter(({ fixed }) => fixed !== undefined),
    ...events.filter(({ last_affected: last }) => last !== undefined),
  ];
  while (beginnings.length + ends.length > 0) {
    if (underWay ? ends.length === 0 : beginnings.length > 0) {
      beginnings.shift();
      affected = underWay = true;
    } else {
      if (ends.shift()?.fixed !== undefined || isBeyond) affected = false;
      underWay = false;
    }
  }
  return { affected, underWay };
}
