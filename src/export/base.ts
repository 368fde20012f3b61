// Public entry of base/: databases for Trivy that others have built.
export { type DatabasePlace, type OpenDatabase, type OpenDatabaseOptions, openDatabase } from './base/open.ts';
