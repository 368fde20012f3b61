export { bitnamiGrammar } from './bitnami.ts';
export { gemGrammar } from './gem.ts';
export { genericGrammar } from './generic.ts';
export { MAX_VERSION_LENGTH, type NearestBounds, type Spelled, type VersionGrammar } from './grammar.ts';
export { mavenGrammar } from './maven.ts';
export { npmGrammar } from './npm.ts';
export { pep440Grammar } from './pep440.ts';
export { type PackageName, packageOfPurl } from './purl.ts';
export { canonicalPypiName } from './pypi-name.ts';
