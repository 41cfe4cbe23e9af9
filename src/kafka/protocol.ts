/**
 * The requests spoken here, each at one fixed version. Brokers from 2.8 to 4.x have them all, so
 * there is nothing to negotiate: a broker that lacks one is refused at the first connection.
 */
import { FatalError } from '../errors.ts'
import type { WireReader, WireWriter } from './wire.ts'

export interface Api {
  readonly name: string
  readonly key: number
  readonly version: number
  /** Compact lengths and tagged fields, in the header too. */
  readonly flexible: boolean
  /** The header of the answer has no tagged fields although the version is flexible. */
  readonly bareAnswer?: true
}

/** How one request is written and its answer read, at the version of its API. */
export interface Rpc<Request, Response> {
  readonly api: Api
  encode(writer: WireWriter, request: Request): void
  decode(reader: WireReader): Response
}

function api(name: string, key: number, version: number, firstFlexible: number): Api {
  return Object.freeze({ name, key, version, flexible: version >= firstFlexible })
}

export const apis = Object.freeze({
  produce: api('Produce', 0, 8, 9),
  fetch: api('Fetch', 1, 12, 12),
  listOffsets: api('ListOffsets', 2, 5, 6),
  metadata: api('Metadata', 3, 10, 9),
  offsetCommit: api('OffsetCommit', 8, 7, 8),
  offsetFetch: api('OffsetFetch', 9, 7, 6),
  findCoordinator: api('FindCoordinator', 10, 2, 3),
  joinGroup: api('JoinGroup', 11, 5, 6),
  heartbeat: api('Heartbeat', 12, 3, 4),
  leaveGroup: api('LeaveGroup', 13, 3, 4),
  syncGroup: api('SyncGroup', 14, 3, 4),
  createTopics: api('CreateTopics', 19, 4, 5),
  deleteTopics: api('DeleteTopics', 20, 3, 4),
  deleteRecords: api('DeleteRecords', 21, 2, 2),
  initProducerId: api('InitProducerId', 22, 4, 2),
  offsetForLeaderEpoch: api('OffsetForLeaderEpoch', 23, 3, 4),
  addPartitionsToTxn: api('AddPartitionsToTxn', 24, 3, 3),
  addOffsetsToTxn: api('AddOffsetsToTxn', 25, 3, 3),
  endTxn: api('EndTxn', 26, 3, 3),
  txnOffsetCommit: api('TxnOffsetCommit', 28, 3, 3),
  describeConfigs: api('DescribeConfigs', 32, 2, 4),
  incrementalAlterConfigs: api('IncrementalAlterConfigs', 44, 1, 1),
})

/**
 * Of transactions of the second version (KIP-890): spoken where the cluster says that it has them,
 * which all its brokers do then.
 */
export const secondTransactionApis = Object.freeze({
  produce: api('Produce', 0, 12, 9),
  endTxn: api('EndTxn', 26, 5, 3),
  txnOffsetCommit: api('TxnOffsetCommit', 28, 5, 3),
})

/**
 * Asked by commands, never by the engine: a broker that lacks one runs applications all the same,
 * and only the command fails.
 */
export const adminApis = Object.freeze({
  describeGroups: api('DescribeGroups', 15, 4, 5),
  deleteGroups: api('DeleteGroups', 42, 1, 2),
})

/** What a broker says of each request; of features it tells nothing at this version. */
export const versionRangesApi: Api = api('ApiVersions', 18, 2, 3)

/** Answered by every broker that passed: with the features, too. */
export const apiVersionsApi: Api = Object.freeze({
  ...api('ApiVersions', 18, 3, 3),
  bareAnswer: true,
})

/** What a broker says it speaks, by API key. */
export type VersionRanges = Readonly<
  Record<number, { readonly minVersion: number; readonly maxVersion: number } | undefined>
>

/** Throws a FatalError that lists every request the broker does not speak at our version. */
export function checkVersions(broker: string, ranges: VersionRanges): void {
  const missing = Object.values(apis).flatMap(({ name, key, version }) => {
    const range = ranges[key]
    if (range !== undefined && range.minVersion <= version && version <= range.maxVersion) return []
    const offered = range ? `${range.minVersion} to ${range.maxVersion}` : 'not at all'
    return [`${name} ${version} (offered: ${offered})`]
  })
  if (missing.length === 0) return
  throw new FatalError(
    'MILLRACE_KAFKA_VERSION_UNSUPPORTED',
    `The broker ${broker} does not speak ${missing.join(', ')}; use Apache Kafka 3.9 to 4.3`
  )
}
