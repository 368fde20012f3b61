import { parseVector } from '../cvss.ts';
import { oneOf, quote, text } from './check.ts';
import { type Fault, fault, within } from './fault.ts';
import { type Found, object } from './object-check.ts';

/** Versions of CVSS under each type of an OSV severity. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  CVSS_V2: ['2.0'],
  CVSS_V3: ['3.0', '3.1'],
  CVSS_V4: ['4.0'],
};

const UBUNTU = new Set(['negligible', 'low', 'medium', 'high', 'critical']);

/** Checks an item of OSV's `severity`, the vector included: one that cannot be scored is worth nothing to a reader. */
export const severityEntry = object(
  { type: oneOf('CVSS_V2', 'CVSS_V3', 'CVSS_V4', 'Ubuntu'), score: text },
  { required: ['type', 'score'], open: true, whole: checkScore },
);

function checkScore(found: Found): Fault | undefined {
  const [type, score] = [found.text('type') as string, found.text('score') as string];
  const versions = VERSIONS[type];
  if (versions === undefined) {
    return UBUNTU.has(score) ? undefined : within('score', fault(`${quote(score)} is not a valid Ubuntu priority`));
  }
  const vector = parseVector(score);
  if (vector !== undefined && versions.includes(vector.version)) return undefined;
  return within('score', fault(`${quote(score)} is not a valid ${type} vector`));
}
