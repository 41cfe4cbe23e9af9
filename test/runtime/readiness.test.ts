import { expect, it } from 'vitest'
import { taskId } from '../../src/ids.ts'
import { type ReadyTask, unreadyReasons } from '../../src/runtime/readiness.ts'

const running = { state: 'running', isAssigned: true, tasks: [], health: { ok: true } } as const

function task(partition: number, waits: readonly string[]): ReadyTask {
  const life = { waitingFor: () => waits }
  return { id: taskId(0, partition), state: 'running', isRunning: true, life }
}

it('nothing speaks against what runs, rebalances or has no task', () => {
  expect(unreadyReasons(running)).toEqual([])
  expect(unreadyReasons({ ...running, tasks: [task(0, [])] })).toEqual([])
  expect(unreadyReasons({ ...running, state: 'rebalancing', isAssigned: false })).toEqual([])
})

it('the phase says why, and so does a group that has not answered', () => {
  const starting = { ...running, state: 'starting', isAssigned: false } as const
  expect(unreadyReasons(starting)).toEqual(['The application is starting.'])
  const silent = unreadyReasons({ ...running, isAssigned: false })
  expect(silent).toEqual(['The group has not assigned tasks yet.'])
})

it('tasks that do not run say so, and those that run what their records wait for', () => {
  const life = {
    waitingFor: () => {
      throw new Error('no life')
    },
  }
  const restoring: ReadyTask = { id: taskId(0, 1), state: 'restoring', isRunning: false, life }
  expect(unreadyReasons({ ...running, tasks: [task(0, ['A record waits.']), restoring] })).toEqual([
    'A record waits.',
    'Task 0_1 is restoring.',
  ])
})

it('a log that does not answer is the last reason', () => {
  expect(unreadyReasons({ ...running, health: { ok: false } })).toEqual([
    'The log does not answer.',
  ])
  const health = { ok: false, reason: 'No broker answers.' }
  expect(unreadyReasons({ ...running, state: 'failed', health })).toEqual([
    'The application is failed.',
    'No broker answers.',
  ])
})
