// Public entry of tuf/: what the commands of tuf share, and how their results are told.
export {
  describePublished,
  describeResult,
  describeRoot,
  nextStepOf,
  statusAsJson,
  statusAsText,
} from './tuf/describe.ts';
export { parseTufPlace } from './tuf/place.ts';
