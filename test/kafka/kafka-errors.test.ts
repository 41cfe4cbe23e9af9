import { expect, test } from 'vitest'
import { AbortedError, FatalError, FencedError, RetriableError } from '../../src/errors.ts'
import {
  errorClassOf,
  errorCodes,
  errorNameOf,
  isTransient,
  kafkaError,
} from '../../src/kafka/kafka-errors.ts'
import { apis, checkVersions } from '../../src/kafka/protocol.ts'

test('each code becomes the error of its consequence, under its own name', () => {
  const cases = [
    ['NOT_LEADER_OR_FOLLOWER', RetriableError],
    ['NOT_COORDINATOR', RetriableError],
    ['PRODUCER_FENCED', FencedError],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', AbortedError],
    ['INVALID_TIMESTAMP', FatalError],
  ] as const
  for (const [name, Class] of cases) {
    const error = kafkaError(errorCodes[name], 'Produce to orders-3', 'a detail')
    expect(error).toBeInstanceOf(Class)
    expect(error.code).toBe(`MILLRACE_KAFKA_${name}`)
    expect(error.message).toContain(`Produce to orders-3: the broker answered ${name} (a detail)`)
  }
})

test.each([
  ['retriable', 'NOT_LEADER_OR_FOLLOWER NOT_ENOUGH_REPLICAS UNKNOWN_LEADER_EPOCH'],
  ['retriable', 'CONCURRENT_TRANSACTIONS UNSTABLE_OFFSET_COMMIT REBALANCE_IN_PROGRESS'],
  ['retriable', 'KAFKA_STORAGE_ERROR REQUEST_TIMED_OUT FENCED_LEADER_EPOCH'],
  ['coordinator', 'NOT_COORDINATOR COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE'],
  ['migrated', 'INVALID_PRODUCER_EPOCH PRODUCER_FENCED ILLEGAL_GENERATION UNKNOWN_MEMBER_ID'],
  // A transactional id is forgotten after seven idle days: the next fresh epoch makes it anew.
  ['migrated', 'INVALID_PRODUCER_ID_MAPPING'],
  ['abortable', 'OUT_OF_ORDER_SEQUENCE_NUMBER UNKNOWN_PRODUCER_ID INVALID_TXN_STATE'],
  ['abortable', 'TRANSACTION_ABORTABLE'],
  ['fatal', 'OFFSET_OUT_OF_RANGE INVALID_TIMESTAMP MESSAGE_TOO_LARGE FENCED_INSTANCE_ID'],
  ['fatal', 'TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED MEMBER_ID_REQUIRED'],
  ['fatal', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED'],
] as const)('%s: %s', (errorClass, names) => {
  for (const name of names.split(' ')) {
    const code = errorCodes[name as keyof typeof errorCodes]
    expect([name, errorClassOf(code)]).toEqual([name, errorClass])
  }
})

test('codes nobody knows are fatal, because a guess could lose records', () => {
  expect(errorClassOf(9_999)).toBe('fatal')
  expect(errorNameOf(9_999)).toBe('UNKNOWN_CODE_9999')
  expect(isTransient(9_999)).toBe(false)
})

test('no two errors share a number', () => {
  const codes = Object.values(errorCodes)
  expect(new Set(codes).size).toBe(codes.length)
  for (const [name, code] of Object.entries(errorCodes)) expect(errorNameOf(code)).toBe(name)
})

test('a broker that lacks a request is refused, and the request named', () => {
  const ranges = Object.fromEntries(
    Object.values(apis).map(({ key, version }) => [key, { minVersion: 0, maxVersion: version }])
  )
  expect(() => checkVersions('b:9092', ranges)).not.toThrow()
  const old = {
    ...ranges,
    [apis.txnOffsetCommit.key]: { minVersion: 0, maxVersion: 2 },
    [apis.deleteRecords.key]: undefined,
  }
  expect(() => checkVersions('b:9092', old)).toThrow(
    'b:9092 does not speak DeleteRecords 2 (offered: not at all), ' +
      'TxnOffsetCommit 3 (offered: 0 to 2)'
  )
})
