import { apkGrammar, debGrammar, rpmGrammar, type VersionGrammar } from '#versions';

/** How trivy reads the rows of an operating system. */
export interface OsTraits {
  /** As OSV spells it, without a release. */
  readonly osv: string;
  /** Whose advisories they are, unless somebody's rule says otherwise; ids and names are trivy-db's. */
  readonly source: { readonly id: string; readonly name: string; readonly url: string };
  /** Whether a row without a fixed version is a finding; else trivy finds nothing by it. */
  readonly reportsUnfixed: boolean;
  /** Whether a row may say from which version on packages are affected. */
  readonly readsIntroduced: boolean;
  /** Whether trivy looks up the name of an installed package, and not that of its source. */
  readonly isByBinary: boolean;
  /** Whether packages of modules have the module's name and stream before their own. */
  readonly isModular: boolean;
  /** Whether a row may have a severity of its own, which Debian gives as an urgency. */
  readonly readsUrgency: boolean;
}

interface OperatingSystem extends OsTraits {
  readonly grammar: VersionGrammar;
  /** What names of root buckets begin with; all of one where there are no releases. */
  readonly bucket: string;
  /** What follows in the name of a release's bucket; empty where there are no releases, undefined for an unknown one. */
  release(suffix: string): string | undefined;
}

/** The other of two releases with packages of one line, of which trivy reads only one. */
export interface Counterpart {
  /** As OSV spells it, with its release. */
  readonly osv: string;
  /** Whether it is affected without a fix where this release is. */
  readonly sharesUnfixed: boolean;
}

/** A release of an operating system, as an ecosystem. */
export interface OsEcosystem {
  readonly osv: string;
  /** The root bucket. */
  readonly trivy: string;
  readonly grammar: VersionGrammar;
  readonly os: OsTraits;
  /** The same release with extended support, or without it. */
  readonly counterpart?: Counterpart | undefined;
  normalise(name: string): string;
}

const NONE = {
  reportsUnfixed: false,
  readsIntroduced: false,
  isByBinary: false,
  isModular: false,
  readsUrgency: false,
} as const;
const RPM = { ...NONE, grammar: rpmGrammar, isByBinary: true } as const;
const APK = { ...NONE, grammar: apkGrammar, release: withoutRelease } as const;
const DEB = { ...NONE, grammar: debGrammar, reportsUnfixed: true } as const;

const SUSE_CVRF = {
  id: 'suse-cvrf',
  name: 'SUSE CVRF',
  url: 'https://ftp.suse.com/pub/projects/security/cvrf/',
} as const;
const AZURE_URL = 'https://github.com/microsoft/AzureLinuxVulnerabilityData';

/** All operating systems, each in one entry; docs/formats/trivy-os.md shows the same as a table. */
export const operatingSystems: readonly OperatingSystem[] = [
  {
    ...APK,
    osv: 'Alpine',
    bucket: 'alpine',
    reportsUnfixed: true,
    readsIntroduced: true,
    source: { id: 'alpine', name: 'Alpine Secdb', url: 'https://secdb.alpinelinux.org/' },
    release: (suffix) => /^v?([0-9]{1,3}\.[0-9]{1,3}|edge)$/.exec(suffix)?.[1],
  },
  {
    ...DEB,
    osv: 'Debian',
    bucket: 'debian',
    readsUrgency: true,
    source: {
      id: 'debian',
      name: 'Debian Security Tracker',
      url: 'https://salsa.debian.org/security-tracker-team/security-tracker',
    },
    release: (suffix) => /^[0-9]{1,3}$/.exec(suffix)?.[0],
  },
  {
    ...DEB,
    osv: 'Ubuntu',
    bucket: 'ubuntu',
    source: { id: 'ubuntu', name: 'Ubuntu CVE Tracker', url: 'https://git.launchpad.net/ubuntu-cve-tracker' },
    release: ubuntuRelease,
  },
  {
    ...DEB,
    osv: 'Echo',
    bucket: 'echo',
    source: { id: 'echo', name: 'Echo', url: 'https://advisory.echohq.com/data.json' },
    release: withoutRelease,
  },
  {
    ...RPM,
    osv: 'AlmaLinux',
    bucket: 'alma',
    isModular: true,
    source: { id: 'alma', name: 'AlmaLinux Product Errata', url: 'https://errata.almalinux.org/' },
    release: majorRelease,
  },
  {
    ...RPM,
    osv: 'Rocky Linux',
    bucket: 'rocky',
    isModular: true,
    source: { id: 'rocky', name: 'Rocky Linux updateinfo', url: 'https://download.rockylinux.org/pub/rocky/' },
    release: majorRelease,
  },
  {
    ...RPM,
    osv: 'SUSE',
    bucket: 'SUSE Linux Enterprise Micro',
    source: SUSE_CVRF,
    release: (suffix) => /^Linux (?:Enterprise )?Micro ([0-9]{1,3}(?:\.[0-9]{1,3})?)(?:[- ]|$)/.exec(suffix)?.[1],
  },
  { ...RPM, osv: 'SUSE', bucket: 'SUSE Linux Enterprise', source: SUSE_CVRF, release: suseRelease },
  {
    ...RPM,
    osv: 'openSUSE',
    bucket: 'openSUSE Leap',
    source: SUSE_CVRF,
    release: (suffix) => /^Leap ([0-9]{1,3}(?:\.[0-9]{1,3})?)$/.exec(suffix)?.[1],
  },
  {
    ...RPM,
    osv: 'openSUSE',
    bucket: 'openSUSE Tumbleweed',
    source: SUSE_CVRF,
    release: (suffix) => (suffix === 'Tumbleweed' ? '' : undefined),
  },
  {
    ...RPM,
    osv: 'Photon OS',
    bucket: 'Photon OS',
    isByBinary: false,
    source: {
      id: 'photon',
      name: 'Photon OS CVE metadata',
      url: 'https://packages.broadcom.com/photon/photon_cve_metadata/',
    },
    release: minorRelease,
  },
  {
    ...RPM,
    osv: 'Azure Linux',
    bucket: 'CBL-Mariner',
    isByBinary: false,
    reportsUnfixed: true,
    source: { id: 'cbl-mariner', name: 'CBL-Mariner Vulnerability Data', url: AZURE_URL },
    release: (suffix) => (/^[12](?:\.|$)/.test(suffix) ? minorRelease(suffix) : undefined),
  },
  {
    ...RPM,
    osv: 'Azure Linux',
    bucket: 'Azure Linux',
    isByBinary: false,
    reportsUnfixed: true,
    source: { id: 'azure', name: 'Azure Linux Vulnerability Data', url: AZURE_URL },
    release: minorRelease,
  },
  {
    ...RPM,
    osv: 'Bottlerocket',
    bucket: 'bottlerocket',
    source: {
      id: 'bottlerocket',
      name: 'Bottlerocket Security Advisories',
      url: 'https://advisories.bottlerocket.aws/updateinfo.xml.gz',
    },
    release: withoutRelease,
  },
  {
    ...APK,
    osv: 'Wolfi',
    bucket: 'wolfi',
    source: { id: 'wolfi', name: 'Wolfi Secdb', url: 'https://packages.wolfi.dev/os/security.json' },
  },
  {
    ...APK,
    osv: 'Chainguard',
    bucket: 'chainguard',
    source: {
      id: 'chainguard',
      name: 'Chainguard Security Data',
      url: 'https://packages.cgr.dev/chainguard/security.json',
    },
  },
  {
    ...APK,
    osv: 'MinimOS',
    bucket: 'minimos',
    source: {
      id: 'minimos',
      name: 'MinimOS Security Data',
      url: 'https://packages.mini.dev/advisories/secdb/security.json',
    },
  },
];

const lower = (text: string): string => text.toLowerCase();

const BY_NAME: ReadonlyMap<string, readonly OperatingSystem[]> = Map.groupBy(operatingSystems, ({ osv }) => lower(osv));

/** Whether OSV has an operating system of this name, given without a release and in any case. */
export function isOperatingSystem(name: string): boolean {
  return BY_NAME.has(lower(name));
}

/** Releases that were met: the same few stand in record after record. */
const known = new Map<string, OsEcosystem | undefined>();
const MAX_KNOWN = 1000;
/** Far above any real name. */
const MAX_NAME = 256;

/** The release that OSV's name means (`Debian:12`); undefined for others, and for one without the release it needs. */
export function osEcosystemOf(name: string): OsEcosystem | undefined {
  if (name.length > MAX_NAME) return undefined;
  if (known.has(name)) return known.get(name);
  if (known.size >= MAX_KNOWN) known.clear();
  const found = findRelease(name);
  known.set(name, found);
  return found;
}

function findRelease(name: string): OsEcosystem | undefined {
  const colon = name.indexOf(':');
  const [own, suffix] = colon < 0 ? [name, ''] : [name.slice(0, colon), name.slice(colon + 1)];
  for (const os of BY_NAME.get(lower(own)) ?? []) {
    const release = os.release(suffix);
    if (release !== undefined) return ecosystemFrom(os, release === '' ? os.bucket : `${os.bucket} ${release}`);
  }
  return undefined;
}

/** The release that has a root bucket. */
export function osEcosystemOfBucket(bucket: string): OsEcosystem | undefined {
  const os = operatingSystems.find((each) => bucket === each.bucket || bucket.startsWith(`${each.bucket} `));
  return os && ecosystemFrom(os, bucket);
}

function ecosystemFrom(os: OperatingSystem, trivy: string): OsEcosystem {
  return { osv: os.osv, trivy, grammar: os.grammar, os, counterpart: counterpartOf(trivy), normalise: (name) => name };
}

/**
 * Ubuntu supports the releases of every second April longer, with Pro. Its systems have the fixes of the release too,
 * and what only Pro fixes affects the release; records name one of the two.
 */
function counterpartOf(bucket: string): Counterpart | undefined {
  const [, release, extended] = /^ubuntu ([0-9][02468]\.04)(-ESM)?$/.exec(bucket) ?? [];
  if (release === undefined) return undefined;
  if (extended === undefined) return { osv: `Ubuntu:Pro:${release}:LTS`, sharesUnfixed: false };
  return { osv: `Ubuntu:${release}:LTS`, sharesUnfixed: true };
}

function withoutRelease(suffix: string): string | undefined {
  return suffix === '' ? '' : undefined;
}

function majorRelease(suffix: string): string | undefined {
  return /^([0-9]{1,3})(?:\.[0-9]{1,3})?$/.exec(suffix)?.[1];
}

/** OSV leaves out the zero that trivy has in `3.0`. */
function minorRelease(suffix: string): string | undefined {
  if (/^[0-9]{1,3}$/.test(suffix)) return `${suffix}.0`;
  return /^[0-9]{1,3}\.[0-9]{1,3}$/.exec(suffix)?.[0];
}

/** `Pro` is what trivy takes for ESM; FIPS, real-time and other builds have packages of their own and no bucket. */
function ubuntuRelease(suffix: string): string | undefined {
  const [, pro, release] = /^(Pro:)?([0-9]{2}\.[0-9]{2})(?::LTS)?$/.exec(suffix) ?? [];
  return release && (pro === undefined ? release : `${release}-ESM`);
}

/** Products and modules of SUSE Linux Enterprise share a bucket for each service pack, as trivy-db has them. */
function suseRelease(suffix: string): string | undefined {
  if (!suffix.startsWith('Linux Enterprise ') || /^Linux Enterprise (?:Storage|Micro)/.test(suffix)) return undefined;
  const words = suffix.split(/[ .-]/).map((word) => (word.startsWith('SP') ? word.slice(2) : word));
  const numbers = words.filter((word) => /^[0-9]{1,3}$/.test(word)).slice(-2);
  return numbers.length === 0 ? undefined : numbers.map(Number).join('.');
}
