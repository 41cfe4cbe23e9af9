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
