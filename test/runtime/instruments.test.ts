import { expect, it } from 'vitest'
import { TaskInstruments, Totals } from '../../src/runtime/instruments.ts'
import type { InstrumentSpec } from '../../src/topology/topology.ts'

const specs: readonly InstrumentSpec[] = [
  { kind: 'gauge', name: 'size', help: '', labels: {}, label: undefined },
  { kind: 'counter', name: 'seen', help: '', labels: {}, label: 'kind' },
  { kind: 'counter', name: 'all', help: '', labels: {}, label: undefined },
]

function make() {
  const totals = new Totals(specs)
  return { totals, instruments: new TaskInstruments(totals) }
}

it('shows a gauge from its commit on, what came after the seal with the next', () => {
  const { instruments } = make()
  const gauge = instruments.gauge('size', { of: 'a' })
  gauge.set(1)
  instruments.seal()
  gauge.set(2)
  expect(instruments.samples()).toEqual([])
  instruments.publish()
  expect(instruments.samples()).toEqual([{ name: 'size', labels: { of: 'a' }, value: 1 }])
  instruments.seal()
  instruments.publish()
  expect(instruments.samples()).toEqual([{ name: 'size', labels: { of: 'a' }, value: 2 }])
})

it('forgets both layers, and keeps what was committed', () => {
  const { instruments, totals } = make()
  const gauge = instruments.gauge('size')
  const counter = instruments.counter('seen')
  gauge.set(1)
  counter.add('a', 2)
  instruments.drop('late', 3)
  instruments.seal()
  instruments.publish()
  gauge.set(5)
  counter.add('a')
  instruments.seal()
  gauge.set(null)
  instruments.drop('late', 1)
  instruments.forget()
  instruments.seal()
  instruments.publish()
  expect(instruments.samples()).toMatchObject([{ value: 1 }])
  expect(totals.counters()).toEqual([{ name: 'seen', labels: { kind: 'a' }, value: 2 }])
  expect(Object.fromEntries(totals.dropped)).toEqual({ late: 3 })
})

it('has one gauge by name and labels, and takes it away for null', () => {
  const { instruments } = make()
  instruments.gauge('size', { a: '1', b: '2' }).set(1)
  instruments.gauge('size', { b: '2', a: '1' }).set(2)
  instruments.seal()
  instruments.publish()
  expect(instruments.samples()).toMatchObject([{ value: 2 }])
  instruments.gauge('size', { a: '1', b: '2' }).set(null)
  instruments.seal()
  instruments.publish()
  expect(instruments.samples()).toEqual([])
})

it('counts without a label where none is declared', () => {
  const { instruments, totals } = make()
  instruments.counter('all').add('')
  instruments.seal()
  instruments.publish()
  expect(totals.counters()).toEqual([{ name: 'all', labels: {}, value: 1 }])
})

it('refuses what the topology does not declare', () => {
  const { instruments } = make()
  expect(() => instruments.gauge('seen')).toThrow("declares no gauge named 'seen'")
  expect(() => instruments.counter('other')).toThrow("declares no counter named 'other'")
})
