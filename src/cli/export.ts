// Public entry of export/: where an export goes, and how its result is told.
export {
  type NamedDatabase,
  type OpenPlace,
  openPlace,
  parseDatabase,
  referencesOf,
} from './export/database-place.ts';
export { openDestinations, parseDestinations, parseSignedAs } from './export/destinations.ts';
export { describeIgnored, describeLosses, describeWithheld, writeExportReport } from './export/output.ts';
export {
  type OpenTufListing,
  openTufListing,
  readTufListing,
  type TufListingOptions,
} from './export/tuf-listing.ts';
