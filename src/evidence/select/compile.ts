import { compareInstants, compileGlob, type Instant } from '#core';
import { canonicalPypiName } from '#versions';
import { type AffectedPackage, type RecordProperties, severities } from '../record-properties.ts';
import { isInEcosystem } from './ecosystems.ts';
import { type Clause, clauses, type Selector } from './selector.ts';

/** What a selector says of a record: the clause that leaves it out, `kept`, or `unscored`, which is kept too. */
export type Verdict = Clause | 'kept' | 'unscored';

/** Verdicts as small numbers, for rows: position in this list. */
export const verdicts: readonly Verdict[] = ['kept', 'unscored', ...clauses];

/** Judges a record, from answers that are worked out only when they are asked for. */
export type Judge = (properties: () => RecordProperties, modified: () => Instant) => Verdict;

type Refuses = (properties: () => RecordProperties, modified: () => Instant) => boolean;

/** Makes a selector into a function of a record alone. */
export function compileSelector(selector: Selector): Judge {
  const refusals = clauses.flatMap((clause): [Clause, Refuses][] => {
    const refuses = compileClause(clause, selector);
    return refuses === undefined ? [] : [[clause, refuses]];
  });
  const judgesSeverity = selector.minimumSeverity !== undefined;
  return (properties, modified) => {
    for (const [clause, refuses] of refusals) if (refuses(properties, modified)) return clause;
    return judgesSeverity && properties().severity() === undefined ? 'unscored' : 'kept';
  };
}

function compileClause(clause: Clause, selector: Selector): Refuses | undefined {
  const { ids, ecosystems, packages, withdrawn, modifiedSince, modifiedUntil, minimumSeverity } = selector;
  switch (clause) {
    case 'ids':
      return ids && refuseIds(new Set(ids));
    case 'ecosystems':
      return ecosystems && refusePackages(ecosystems, undefined);
    case 'packages':
      return packages && refusePackages(ecosystems, packages.map(compileName));
    case 'withdrawn':
      return withdrawn && withdrawn !== 'include'
        ? (properties) => properties().isWithdrawn() !== (withdrawn === 'only')
        : undefined;
    case 'modifiedSince':
      return modifiedSince && ((_properties, modified) => compareInstants(modified(), modifiedSince) < 0);
    case 'modifiedUntil':
      return modifiedUntil && ((_properties, modified) => compareInstants(modified(), modifiedUntil) > 0);
    case 'minimumSeverity':
      return minimumSeverity && refuseBelow(severities.indexOf(minimumSeverity));
  }
}

function refuseIds(wanted: ReadonlySet<string>): Refuses {
  return (properties) => {
    for (const id of properties().ids()) if (wanted.has(id)) return false;
    return true;
  };
}

/** Whether a package is one that a selector wants. */
export type PackageFilter = (affected: AffectedPackage) => boolean;

/**
 * What a selector wants of the packages of a record that it keeps: those in its ecosystems and with its names.
 * Undefined where it wants all.
 */
export function compilePackageFilter({ ecosystems, packages }: Selector): PackageFilter | undefined {
  if (ecosystems === undefined && packages === undefined) return undefined;
  return wantPackages(ecosystems, packages?.map(compileName));
}

function wantPackages(
  ecosystems: readonly string[] | undefined,
  names: readonly PackageFilter[] | undefined,
): PackageFilter {
  return (affected) => {
    const { ecosystem } = affected;
    const inEcosystem = ecosystems === undefined || ecosystems.some((wanted) => isInEcosystem(ecosystem, wanted));
    return inEcosystem && (names === undefined || names.some((matches) => matches(affected)));
  };
}

/** A name or a glob of names; packages of PyPI have several spellings of one name. */
function compileName(pattern: string): PackageFilter {
  const matches = compileGlob(pattern);
  const matchesCanonical = compileGlob(canonicalPypiName(pattern));
  return ({ ecosystem, name }) =>
    matches(name) || (isInEcosystem(ecosystem, 'PyPI') && matchesCanonical(canonicalPypiName(name)));
}

function refusePackages(
  ecosystems: readonly string[] | undefined,
  names: readonly PackageFilter[] | undefined,
): Refuses {
  const wants = wantPackages(ecosystems, names);
  return (properties) => {
    for (const found of properties().packages()) if (wants(found)) return false;
    return true;
  };
}

function refuseBelow(minimum: number): Refuses {
  return (properties) => {
    const severity = properties().severity();
    return severity !== undefined && severities.indexOf(severity) < minimum;
  };
}
