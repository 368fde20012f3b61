/** The versions of CVSS that are read. */
export type CvssVersion = '2.0' | '3.0' | '3.1' | '4.0';

/** A vector whose grammar holds and whose base metrics are all there. */
export interface CvssVector {
  readonly version: CvssVersion;
  /** Metrics as written; those left out are not there. */
  readonly metrics: ReadonlyMap<string, string>;
}

interface Grammar {
  /** Metric to its values; the base metrics first. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly base: readonly string[];
  /** Whether the metrics must come in the order of the table (CVSS v4.0 §7). */
  readonly ordered: boolean;
}

/** CVSS v2 §2.4, table 13. */
const V2 = grammar(
  'AV:L,A,N AC:H,M,L Au:M,S,N C:N,P,C I:N,P,C A:N,P,C',
  'E:U,POC,F,H,ND RL:OF,TF,W,U,ND RC:UC,UR,C,ND CDP:N,L,LM,MH,H,ND TD:N,L,M,H,ND CR:L,M,H,ND IR:L,M,H,ND AR:L,M,H,ND',
);

/** CVSS v3.1 §6, table 15; v3.0 has the same. */
const V3 = grammar(
  'AV:N,A,L,P AC:L,H PR:N,L,H UI:N,R S:U,C C:N,L,H I:N,L,H A:N,L,H',
  'E:X,U,P,F,H RL:X,O,T,W,U RC:X,U,R,C CR:X,L,M,H IR:X,L,M,H AR:X,L,M,H MAV:X,N,A,L,P MAC:X,L,H MPR:X,N,L,H ' +
    'MUI:X,N,R MS:X,U,C MC:X,N,L,H MI:X,N,L,H MA:X,N,L,H',
);

/** CVSS v4.0 §7, table 23. */
const V4 = grammar(
  'AV:N,A,L,P AC:L,H AT:N,P PR:N,L,H UI:N,P,A VC:H,L,N VI:H,L,N VA:H,L,N SC:H,L,N SI:H,L,N SA:H,L,N',
  'E:X,A,P,U CR:X,H,M,L IR:X,H,M,L AR:X,H,M,L MAV:X,N,A,L,P MAC:X,L,H MAT:X,N,P MPR:X,N,L,H MUI:X,N,P,A ' +
    'MVC:X,H,L,N MVI:X,H,L,N MVA:X,H,L,N MSC:X,H,L,N MSI:X,S,H,L,N MSA:X,S,H,L,N ' +
    'S:X,N,P AU:X,N,Y R:X,A,U,I V:X,D,C RE:X,L,M,H U:X,Clear,Green,Amber,Red',
  true,
);

/** Parses a CVSS vector of any version; undefined when it is none, repeats a metric or lacks a base metric. */
export function parseVector(text: string): CvssVector | undefined {
  if (text.startsWith('CVSS:4.0/')) return parseMetrics(text.slice(9), '4.0', V4);
  if (text.startsWith('CVSS:3.1/')) return parseMetrics(text.slice(9), '3.1', V3);
  if (text.startsWith('CVSS:3.0/')) return parseMetrics(text.slice(9), '3.0', V3);
  return parseMetrics(text, '2.0', V2);
}

function parseMetrics(text: string, version: CvssVersion, { values, base, ordered }: Grammar): CvssVector | undefined {
  const metrics = new Map<string, string>();
  const order = [...values.keys()];
  let last = -1;
  for (const field of text.split('/')) {
    const colon = field.indexOf(':');
    const [name, value] = [field.slice(0, colon), field.slice(colon + 1)];
    if (metrics.has(name) || values.get(name)?.includes(value) !== true) return undefined;
    const at = order.indexOf(name);
    if (ordered && at < last) return undefined;
    last = at;
    metrics.set(name, value);
  }
  return base.every((name) => metrics.has(name)) ? { version, metrics } : undefined;
}

function grammar(base: string, optional: string, ordered = false): Grammar {
  const values = new Map<string, readonly string[]>();
  for (const metric of `${base} ${optional}`.split(' ')) {
    const [name, list] = metric.split(':') as [string, string];
    values.set(name, list.split(','));
  }
  return { values, base: base.split(' ').map((metric) => metric.slice(0, metric.indexOf(':'))), ordered };
}
