/** The public door of millrace, by room. */

// Windows and aggregators
export type { Ability, Aggregator, Aggregators, Results, Where } from './aggregators/aggregator.ts'
export {
  aggregator,
  approxDistinct,
  type CollectOptions,
  collect,
  count,
  distinct,
  first,
  last,
  max,
  mean,
  min,
  quantiles,
  sum,
  where,
} from './aggregators/aggregators.ts'
// Avro
export { type AvroOptions, avro } from './avro/avro.ts'
export { type AvroSchema, AvroSchemaError } from './avro/schema.ts'
// The DSL
export type { BranchedKStream } from './dsl/branch.ts'
export type {
  CogroupedAggregators,
  CogroupedInSessions,
  CogroupedInWindows,
} from './dsl/cogrouped-aggregators.ts'
export type {
  CogroupedSessions,
  CogroupedStream,
  CogroupedWindows,
} from './dsl/cogrouped-stream.ts'
export type { CounterOptions } from './dsl/counter.ts'
export type { DeduplicateOptions, PrintOptions } from './dsl/deduplicate.ts'
export type { GlobalKTable } from './dsl/global-k-table.ts'
export type { JoinSerdes } from './dsl/joinable-stream.ts'
export type { KGroupedStream } from './dsl/k-grouped-stream.ts'
export type { KGroupedTable } from './dsl/k-grouped-table.ts'
export type { KStream } from './dsl/k-stream.ts'
export type {
  GaugeOptions,
  KTable,
  StoredKTable,
  StoredOptions,
  VersionedKTable,
  WindowedKTable,
} from './dsl/k-table.ts'
export type { KeySerde, ValueSerde } from './dsl/keys.ts'
export type { LateRecords, WindowedByOptions } from './dsl/late.ts'
export type { MapAsyncOptions } from './dsl/map-async.ts'
export { merge } from './dsl/merge.ts'
export type { AggregateOptions, AggregateSerde } from './dsl/plans.ts'
export type { RepartitionOptions } from './dsl/repartition.ts'
export type { SessionKTable, SessionWindowedStream } from './dsl/session-windowed-stream.ts'
export {
  type BuildOptions,
  type SourceOptions,
  StreamsBuilder,
  type TableOptions,
} from './dsl/streams-builder.ts'
export {
  type CloseOptions,
  type HoldLimits,
  type TimeLimitOptions,
  type UntilTimeLimit,
  type UntilWindowCloses,
  untilTimeLimit,
  untilWindowCloses,
} from './dsl/suppress.ts'
export { type Topic, type TopicOptions, topic } from './dsl/topic.ts'
export type { GlobalWindowedStream, WindowedStream } from './dsl/windowed-stream.ts'
// The ground floor
export type { Duration } from './durations.ts'
export {
  type DeadLetterTopic,
  type ErrorAction,
  type ErrorOptions,
  type Retry,
  type RetryOptions,
  retry,
} from './error-policy.ts'
export {
  AbortedError,
  ConfigError,
  CorruptedError,
  FatalError,
  FencedError,
  MillraceError,
  NotReadyError,
  RejectedRecordError,
  RetriableError,
  TopologyError,
} from './errors.ts'
export type { Offset, TaskId, Timestamp } from './ids.ts'
// Running: the application, its logs, and what it looks like from outside
export { EmbeddedLog } from './log/embedded-log.ts'
export { createLogger, type Logger, type LoggerOptions, type LogLevel } from './log.ts'
export type { Misuse } from './misuse.ts'
export type { AsyncCall } from './operators/map-async.ts'
// The Processor API
export type { Punctuation } from './processor/operator.ts'
export type {
  Forwarded,
  Processor,
  ProcessorContext,
  PunctuationClock,
  RecordMetadata,
  StreamRecord,
  ValueProcessorContext,
} from './processor/processor.ts'
export type { Readable, ReadableKind } from './processor/readable.ts'
export {
  type KeyValueStore,
  keyValueStore,
  type StoreHandle,
  type StoreOptions,
  type WindowStore,
  type WindowStoreOptions,
  windowStore,
} from './processor/stores.ts'
export type { RecordHeaders } from './record.ts'
// Schema registries
export type { Compatibility } from './registry/client.ts'
export {
  type ConfluentAvro,
  type ConfluentAvroOptions,
  confluentAvro,
  type RegisterOptions,
} from './registry/confluent-avro.ts'
export { schemaRegistry } from './registry/known-registries.ts'
export type { SchemaRegistry, SchemaRegistryOptions } from './registry/schema-registry.ts'
export type { Log, LogHealth } from './runtime/ports.ts'
export type {
  AppSnapshot,
  AppState,
  CounterSample,
  GaugeSample,
  PartitionSnapshot,
  TaskSnapshot,
  TaskState,
} from './runtime/snapshot.ts'
export type { ReadsStores } from './runtime/store-access.ts'
export { StoreElsewhereError } from './runtime/store-errors.ts'
export type { PartState } from './runtime/store-parts.ts'
export type {
  ReadOnlyKeyValueStore,
  ReadOnlySessionStore,
  ReadOnlyVersionedStore,
  ReadOnlyWindowStore,
  StorePlace,
  TableRow,
  WindowedTableRow,
} from './runtime/store-views.ts'
// Serdes
export { type ConvertedOptions, converted } from './serde/converted.ts'
export { data } from './serde/data.ts'
export type { KeyDefault } from './serde/default-key.ts'
export { type JsonOptions, json, type StandardSchema } from './serde/json.ts'
export { murmur2, partitionForKey } from './serde/murmur2.ts'
export { nullable } from './serde/nullable.ts'
export { boolean, bytes, float64, int32, int64, string } from './serde/primitives.ts'
export type { Serde, SerdeType } from './serde/serde.ts'
export { sessionWindowed, timeWindowed } from './serde/windowed.ts'
export { StreamApp, type StreamAppOptions } from './stream-app.ts'
export type { TopologyModule } from './threads/topology-module.ts'
// Topologies
export type { Optimization, Optimize } from './topology/optimizations.ts'
export type { Topology, TopologyDifference, TopologyJson } from './topology/topology.ts'
export type { CalendarUnit, Weekday } from './windows/calendar.ts'
export { type JoinWindow, type WithinOptions, within } from './windows/join-window.ts'
export {
  type RecordWindowOptions,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
} from './windows/record-windows.ts'
export { type UnlimitedOptions, type UnlimitedWindows, unlimited } from './windows/unlimited.ts'
export {
  type CalendarOptions,
  calendar,
  type Emission,
  type EmitOptions,
  hopping,
  tumbling,
  type Window,
  type Windowed,
  type WindowShape,
  type Windows,
} from './windows/windows.ts'
