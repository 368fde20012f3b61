// Public entry of base/: databases for Trivy that others have built.
export { type DatabasePlace, type OpenDatabase, openDatabase } from './base/open.ts';
export { withDatabases } from './base/with-databases.ts';
