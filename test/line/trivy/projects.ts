import type { Inventory } from '../../artifacts/trivy/stock-trivy.ts';
import { cargoLock, goMod, gradleLock, type LockFile, packageLock, requirementsTxt } from './lock-files.ts';

/** A file by which trivy finds packages of an ecosystem, as its own package manager writes it. */
export interface Project {
  /** OSV's name of the ecosystem. */
  readonly osv: string;
  readonly file: string;
  /** Where the file says what is installed, and not what a project needs. */
  readonly command?: 'rootfs';
  /** Which versions of trivy read it; all where it is absent. */
  readonly trivies?: readonly string[];
  /** The project with these versions of packages, by their names as OSV spells them. */
  files(installed: ReadonlyMap<string, string>): Inventory;
}

const GEMS = 'GEM\n  remote: https://gems.example/\n  specs:\n';
const POM =
  '<project><modelVersion>4.0.0</modelVersion><groupId>app</groupId><artifactId>app</artifactId><version>1</version>\n<dependencies>\n';

export const projects: readonly Project[] = [
  lock('npm', packageLock),
  text(
    'npm',
    'yarn.lock',
    (name, version) => `\n${name}@^${version}:\n  version "${version}"\n`,
    '# yarn lockfile v1\n',
  ),
  text(
    'npm',
    'pnpm-lock.yaml',
    (name, version) => `  /${name}@${version}:\n    resolution: {integrity: sha512-AA==}\n    dev: false\n`,
    "lockfileVersion: '6.0'\npackages:\n",
  ),
  {
    ...document('npm', 'bun.lock', (installed) => ({
      lockfileVersion: 1,
      workspaces: { '': { name: 'app', dependencies: Object.fromEntries(installed) } },
      packages: Object.fromEntries(
        installed.map(([name, version]) => [name, [`${name}@${version}`, '', {}, 'sha512-AA==']]),
      ),
    })),
    trivies: ['trivy'],
  },
  installed('npm', 'node_modules', (name, version) => [
    `usr/lib/node_modules/${name}/package.json`,
    JSON.stringify({ name, version }),
  ]),
  installed('PyPI', 'dist-info', (name, version) => [
    `usr/lib/python3/site-packages/${name}-${version}.dist-info/METADATA`,
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
  ]),
  installed('RubyGems', 'specifications', (name, version) => [
    `usr/lib/ruby/gems/3.2.0/specifications/${name}-${version}.gemspec`,
    `Gem::Specification.new do |s|\n  s.name = "${name}".freeze\n  s.version = "${version}"\nend\n`,
  ]),
  installed('Packagist', 'vendor', (name, version) => [
    `app/${name}/vendor/composer/installed.json`,
    JSON.stringify({ packages: [{ name, version, version_normalized: `${version}.0`, type: 'library' }] }),
  ]),
  installed('NuGet', 'deps.json', (name, version) => [
    `app/${name}.deps.json`,
    JSON.stringify({
      runtimeTarget: { name: '.NETCoreApp,Version=v8.0' },
      targets: { '.NETCoreApp,Version=v8.0': { [`${name}/${version}`]: { runtime: { 'a.dll': {} } } } },
      libraries: { [`${name}/${version}`]: { type: 'package', serviceable: true, sha512: 'AA==' } },
    }),
  ]),
  installed('Bitnami', '.spdx', (name, version) => [
    `opt/bitnami/${name}/.spdx-${name}.spdx`,
    bitnamiSpdx(name, version),
  ]),
  lock('PyPI', requirementsTxt),
  text(
    'PyPI',
    'poetry.lock',
    (name, version) => `[[package]]\nname = "${name}"\nversion = "${version}"\noptional = false\n\n`,
    '',
    '[metadata]\nlock-version = "2.0"\n',
  ),
  { osv: 'PyPI', file: 'uv.lock', files: (installed) => ({ 'uv.lock': uvLock([...installed]) }) },
  document('PyPI', 'Pipfile.lock', (installed) => ({
    _meta: { sources: [] },
    default: Object.fromEntries(installed.map(([name, version]) => [name, { version: `==${version}` }])),
    develop: {},
  })),
  lock('Go', goMod),
  lock('Maven', gradleLock),
  text(
    'Maven',
    'pom.xml',
    (name, version) => {
      const [group, artifact] = name.split(':');
      return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>\n`;
    },
    POM,
    '</dependencies></project>\n',
  ),
  lock('crates.io', cargoLock),
  text(
    'RubyGems',
    'Gemfile.lock',
    (name, version) => `    ${name} (${version})\n`,
    GEMS,
    '\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n\nBUNDLED WITH\n   2.5.0\n',
  ),
  document('Packagist', 'composer.lock', (installed) => ({
    packages: installed.map(([name, version]) => ({ name, version, type: 'library' })),
    'packages-dev': [],
  })),
  document('NuGet', 'packages.lock.json', (installed) => ({
    version: 1,
    dependencies: {
      'net8.0': Object.fromEntries(
        installed.map(([name, version]) => [
          name,
          { type: 'Direct', requested: `[${version}, )`, resolved: version, contentHash: 'AA==' },
        ]),
      ),
    },
  })),
  text(
    'NuGet',
    'packages.config',
    (name, version) => `<package id="${name}" version="${version}" targetFramework="net48" />\n`,
    '<?xml version="1.0" encoding="utf-8"?>\n<packages>\n',
    '</packages>\n',
  ),
  text(
    'Pub',
    'pubspec.lock',
    (name, version) => `  ${name}:\n    dependency: "direct main"\n    source: hosted\n    version: "${version}"\n`,
    'packages:\n',
    'sdks:\n  dart: ">=3.0.0 <4.0.0"\n',
  ),
  text(
    'Hex',
    'mix.lock',
    (name, version) => `  "${name}": {:hex, :${name}, "${version}", "aa", [:mix], [], "hexpm", "bb"},\n`,
    '%{\n',
    '}\n',
  ),
  document('SwiftURL', 'Package.resolved', (installed) => ({
    pins: installed.map(([location, version]) => ({
      identity: 'acme',
      kind: 'remoteSourceControl',
      location,
      state: { revision: 'aa', version },
    })),
    version: 2,
  })),
  document('ConanCenter', 'conan.lock', (installed) => ({
    version: '0.5',
    requires: installed.map(([name, version]) => `${name}/${version}#aa%1.0`),
    build_requires: [],
    python_requires: [],
  })),
];

function lock(osv: string, { name: file, encode }: LockFile): Project {
  return { osv, file, files: (installed) => ({ [file]: encode(installed) }) };
}

/** A text with a line, or several, for each package. */
function text(
  osv: string,
  file: string,
  entry: (name: string, version: string) => string,
  head = '',
  tail = '',
): Project {
  return {
    osv,
    file,
    files: (installed) => ({ [file]: head + [...installed].map((each) => entry(...each)).join('') + tail }),
  };
}

function document(
  osv: string,
  file: string,
  value: (installed: readonly (readonly [string, string])[]) => object,
): Project {
  return { osv, file, files: (installed) => ({ [file]: JSON.stringify(value([...installed])) }) };
}

/** A file for each package. */
function installed(
  osv: string,
  file: string,
  fileOf: (name: string, version: string) => readonly [string, string],
): Project {
  return {
    osv,
    file,
    command: 'rootfs',
    files: (packages) => Object.fromEntries([...packages].map((each) => fileOf(...each))),
  };
}

/** It says what the project itself needs, without which trivy takes nothing for installed. */
function uvLock(installed: readonly (readonly [string, string])[]): string {
  const source = 'source = { registry = "https://index.example/simple" }';
  const packages = installed.map(
    ([name, version]) => `[[package]]\nname = "${name}"\nversion = "${version}"\n${source}\n`,
  );
  const needs = installed.map(([name]) => `    { name = "${name}" },\n`).join('');
  const root = `[[package]]\nname = "app"\nversion = "1.0"\nsource = { virtual = "." }\ndependencies = [\n${needs}]\n`;
  return ['version = 1\n', ...packages, root].join('\n');
}

function bitnamiSpdx(name: string, version: string): string {
  const purl = {
    referenceCategory: 'PACKAGE-MANAGER',
    referenceType: 'purl',
    referenceLocator: `pkg:bitnami/${name}@${version}`,
  };
  return JSON.stringify({
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://spdx.example/${name}`,
    creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Organization: Example'] },
    packages: [
      { SPDXID: `SPDXRef-${name}`, name, versionInfo: version, downloadLocation: 'NONE', externalRefs: [purl] },
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: `SPDXRef-${name}`, relationshipType: 'DESCRIBES' },
    ],
  });
}
