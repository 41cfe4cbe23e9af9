/** What a cluster can do beyond single requests: features that all its brokers have agreed on. */
import type { Rpc, VersionRanges } from '../protocol.ts'
import { apiVersionsApi } from '../protocol.ts'
import type { WireReader } from '../wire.ts'

export interface ApiVersionsRequest {
  /** Of this program: letters, digits, dots and dashes. */
  readonly software: { readonly name: string; readonly version: string }
}

export interface ApiVersionsResponse {
  readonly error: number
  /** The level of each finalised feature, such as `transaction.version`. */
  readonly features: ReadonlyMap<string, number>
}

const finalizedFeatures = 2

export const apiVersions: Rpc<ApiVersionsRequest, ApiVersionsResponse> = {
  api: apiVersionsApi,
  encode(writer, { software }) {
    writer.string(software.name).string(software.version).end()
  },
  decode(reader) {
    const features = new Map<string, number>()
    const error = reader.int16()
    reader.array(() => {
      reader.int16()
      reader.int16()
      reader.int16()
      reader.end()
    })
    reader.throttle()
    reader.end((tag) => {
      if (tag !== finalizedFeatures) return
      reader.array(() => {
        features.set(reader.string(), reader.int16())
        reader.int16()
        reader.end()
      })
    })
    return { error, features }
  },
}

/** Answer to the question that has no body: the first on each connection, at its old version. */
export function decodeVersionRanges(reader: WireReader): {
  readonly error: number
  readonly ranges: VersionRanges
} {
  const error = reader.int16()
  const entries = reader.array(() => {
    const key = reader.int16()
    return [key, { minVersion: reader.int16(), maxVersion: reader.int16() }] as const
  })
  return { error, ranges: Object.fromEntries(entries) }
}
