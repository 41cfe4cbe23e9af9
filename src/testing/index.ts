/** `millrace/testing`: run a topology in a test, without a broker and without waiting. */
export type { StoreRow } from '../processor/store-rows.ts'
export { StoreReader } from '../runtime/store-reader.ts'
export type { CrashPoint } from './test-instance.ts'
export {
  type PipedRecord,
  TestInputTopic,
  TestOutputTopic,
  type TestRecord,
  type TestTopic,
} from './test-topics.ts'
export { type TestDriverOptions, TopologyTestDriver } from './topology-test-driver.ts'
