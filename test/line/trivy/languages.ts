import type { Inventory } from '../../artifacts/trivy/stock-trivy.ts';

/** A version of a package that a scan is to find installed. */
export interface Installed {
  readonly name: string;
  readonly version: string;
}

/** How stock trivy finds packages of an ecosystem. */
export interface Language {
  /** trivy-db's name; absent where its builder does not know the ecosystem. */
  readonly reference?: string;
  /** The name of a made-up package, as OSV spells it. */
  name(word: string): string;
  /** What to scan so that these are found, all at once. */
  inventory(installed: readonly Installed[]): Inventory;
}

/** By OSV's name. */
export const languages: Readonly<Record<string, Language>> = {
  Go: { reference: 'go', ...sbom('golang'), name: (word) => `example.test/${word}` },
  PyPI: { reference: 'pip', ...sbom('pypi') },
  npm: { reference: 'npm', ...sbom('npm') },
  Maven: {
    reference: 'maven',
    ...sbom('maven', (name) => name.replace(':', '/')),
    name: (word) => `test.acme:${word}`,
  },
  'crates.io': { reference: 'cargo', ...sbom('cargo') },
  RubyGems: { reference: 'rubygems', ...sbom('gem') },
  Packagist: { reference: 'composer', ...sbom('composer'), name: (word) => `acme/${word}` },
  NuGet: { reference: 'nuget', ...sbom('nuget'), name: (word) => `Acme.${word}` },
  Pub: { reference: 'pub', ...sbom('pub') },
  Hex: { reference: 'erlang', ...sbom('hex') },
  SwiftURL: {
    reference: 'swift',
    ...sbom('swift', (name) => name.replace(/^https:\/\//, '').replace(/\.git$/, '')),
    name: (word) => `https://github.com/Acme/${word}.git`,
  },
  // Trivy scans no Julia package of an SBOM.
  Julia: { reference: 'julia', name: (word) => word, inventory: juliaProject },
  Bitnami: { reference: 'bitnami', ...sbom('bitnami') },
  Kubernetes: {
    reference: 'k8s',
    ...sbom('k8s', encodeURIComponent),
    name: (word) => `k8s.io/${word}`,
  },
  ConanCenter: sbom('conan'),
};

function sbom(type: string, path: (name: string) => string = (name) => name): Language {
  return {
    name: (word) => word,
    inventory: (installed) =>
      installed.map(({ name, version }) => `${type}/${path(name)}@${encodeURIComponent(version)}`),
  };
}

/** A project and its manifest, in which a package may stand in several versions, each with an id of its own. */
function juliaProject(installed: readonly Installed[]): Inventory {
  const uuid = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const deps = installed.map((_, index) => `p${index} = "${uuid(index)}"\n`);
  const entries = installed.map(
    ({ name, version }, index) => `[[deps.${name}]]\nuuid = "${uuid(index)}"\nversion = "${version}"\n`,
  );
  return {
    'Project.toml': `[deps]\n${deps.join('')}`,
    'Manifest.toml': `julia_version = "1.9.0"\nmanifest_format = "2.0"\n\n${entries.join('\n')}`,
  };
}
