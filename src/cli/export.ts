// Public entry of export/: where an export goes, and how its result is told.
export { openDestinations, parseDestinations, parseSignedAs } from './export/destinations.ts';
export { describeIgnored, describeLosses, describeWithheld, writeExportReport } from './export/output.ts';
export {
  type OpenTufListing,
  openTufListing,
  readTufListing,
  type TufListingOptions,
} from './export/tuf-listing.ts';
