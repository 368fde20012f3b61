/** The ecosystems of OSV 1.7.5, as it spells them. */
const ECOSYSTEMS: readonly string[] = [
  'AlmaLinux',
  'Alpaquita',
  'Alpine',
  'Android',
  'Azure Linux',
  'BellSoft Hardened Containers',
  'Bioconductor',
  'Bitnami',
  'Chainguard',
  'CleanStart',
  'ConanCenter',
  'CRAN',
  'crates.io',
  'Debian',
  'Docker Hardened Images',
  'Echo',
  'FreeBSD',
  'GHC',
  'GIT',
  'GitHub Actions',
  'Go',
  'Hackage',
  'Hex',
  'Julia',
  'Kubernetes',
  'Linux',
  'Mageia',
  'Maven',
  'MinimOS',
  'npm',
  'NuGet',
  'opam',
  'openEuler',
  'openSUSE',
  'OSS-Fuzz',
  'Packagist',
  'Photon OS',
  'Pub',
  'PyPI',
  'Red Hat',
  'Rocky Linux',
  'Root',
  'RubyGems',
  'SUSE',
  'SwiftURL',
  'TuxCare',
  'Ubuntu',
  'VSCode',
  'Wolfi',
];

const BY_FOLDED_NAME = new Map(ECOSYSTEMS.map((name) => [name.toLowerCase(), name]));

/**
 * The ecosystem, with its suffix where there is one, in OSV's spelling. A name that OSV does not know stays as it
 * is: private advisories have ecosystems of their own.
 */
export function spellEcosystem(text: string): string {
  const colon = text.indexOf(':');
  const [name, suffix] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon)];
  return `${BY_FOLDED_NAME.get(name.toLowerCase()) ?? name}${suffix}`;
}

/**
 * Whether a record's ecosystem, as the record spells it, is the wanted one: `Debian` wants every release, `Debian:12`
 * only that one.
 *
 * @param wanted as spellEcosystem gives it
 */
export function isInEcosystem(ecosystem: string, wanted: string): boolean {
  const spelled = spellEcosystem(ecosystem);
  return spelled === wanted || spelled.startsWith(`${wanted}:`);
}
