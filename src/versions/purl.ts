/** A package in the words of OSV. */
export interface PackageName {
  /** As OSV spells it, such as `npm`. */
  readonly ecosystem: string;
  /** As OSV spells it: `golang.org/x/net`, `@scope/name`, `group:artifact`. */
  readonly name: string;
}

/** Types of package URLs with the ecosystem that OSV has for them, and what joins namespace and name there. */
const ECOSYSTEMS: Readonly<Record<string, readonly [ecosystem: string, joint: string]>> = {
  bitnami: ['Bitnami', '/'],
  cargo: ['crates.io', '/'],
  composer: ['Packagist', '/'],
  conan: ['ConanCenter', '/'],
  cran: ['CRAN', '/'],
  gem: ['RubyGems', '/'],
  github: ['GitHub Actions', '/'],
  golang: ['Go', '/'],
  hackage: ['Hackage', '/'],
  hex: ['Hex', '/'],
  julia: ['Julia', '/'],
  k8s: ['Kubernetes', '/'],
  maven: ['Maven', ':'],
  npm: ['npm', '/'],
  nuget: ['NuGet', '/'],
  opam: ['opam', '/'],
  pub: ['Pub', '/'],
  pypi: ['PyPI', '/'],
  swift: ['SwiftURL', '/'],
};

/** The distributions' types, whose namespace is the distribution. */
const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  'apk/alpine': 'Alpine',
  'apk/chainguard': 'Chainguard',
  'apk/wolfi': 'Wolfi',
  'deb/debian': 'Debian',
  'deb/ubuntu': 'Ubuntu',
  'rpm/almalinux': 'AlmaLinux',
  'rpm/openeuler': 'openEuler',
  'rpm/opensuse': 'openSUSE',
  'rpm/redhat': 'Red Hat',
  'rpm/rocky': 'Rocky Linux',
  'rpm/suse': 'SUSE',
};

/**
 * The package that a package URL (ECMA-427) names, in OSV's words and without its version; undefined for other text
 * and for types that OSV has no ecosystem for.
 */
export function packageOfPurl(purl: string): PackageName | undefined {
  if (!purl.startsWith('pkg:')) return undefined;
  const [path = ''] = purl.slice(4).split(/[?#]/, 1);
  const [type = '', ...segments] = path.split('/').filter((segment) => segment !== '');
  const last = segments.pop();
  if (last === undefined) return undefined;
  // A version begins at the last @ of the last segment; one in front belongs to npm's scopes, which are segments.
  const at = last.lastIndexOf('@');
  const names = [...segments, at > 0 ? last.slice(0, at) : last].map(decode);
  const scheme = type.toLowerCase();
  const distribution = DISTRIBUTIONS[`${scheme}/${names[0]?.toLowerCase()}`];
  if (distribution !== undefined && names.length > 1)
    return { ecosystem: distribution, name: names.slice(1).join('/') };
  const found = ECOSYSTEMS[scheme];
  return found === undefined ? undefined : { ecosystem: found[0], name: names.join(found[1]) };
}

/** Percent-decoding; text that is badly encoded stays as it is, since it can then only fail to match. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
