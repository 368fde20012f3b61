// Public entry of quickstart/: where the quickstart keeps its data, and the commands that it suggests.
export { linesToPaste } from './quickstart/lines.ts';
export {
  firstPort,
  prepareKey,
  type QuickstartKey,
  sampleApp,
  sampleFolder,
  startOnFreePort,
} from './quickstart/place.ts';
