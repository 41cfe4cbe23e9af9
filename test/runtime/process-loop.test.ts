import { expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import type { Committer } from '../../src/runtime/committer.ts'
import { ProcessLoop } from '../../src/runtime/process-loop.ts'
import type { StreamTask } from '../../src/runtime/stream-task.ts'

/** A task that has some records, and counts how often it is asked. */
function fakeTask(records: number) {
  const fake = {
    asked: 0,
    left: records,
    isRunning: true,
    takesRecords: true,
    life: {
      watch: () => {},
      punctuate: () => false,
      takeBytes: () => 0,
      process: (max: number) => {
        fake.asked += 1
        const done = Math.min(max, fake.left)
        fake.left -= done
        return done
      },
    },
  }
  return fake
}

function makeLoop(tasks: readonly unknown[], committer: Partial<Committer> = {}) {
  const failures: unknown[] = []
  const loop = new ProcessLoop({
    clock: new ManualClock(0),
    committer: {
      turn: () => {},
      dueInMs: () => 1_000,
      isBlocking: false,
      ...committer,
    } as Committer,
    tasks: () => tasks as readonly StreamTask[],
    onTaskFailed: (_, error) => void failures.push(error),
    onFailed: (error) => void failures.push(error),
  })
  return { loop, failures }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

it('sleeps when there is nothing to do, and works on when it is woken', async () => {
  const task = fakeTask(100)
  const { loop } = makeLoop([task])
  loop.start()
  while (task.left > 0) await turn()
  await turn()
  await turn()
  const asked = task.asked
  for (let i = 0; i < 50; i++) await turn()
  expect(task.asked - asked).toBeLessThan(5)
  task.left = 10
  loop.wake()
  while (task.left > 0) await turn()
  await loop.stop()
})

it('takes no record while the commit holds it up', () => {
  const task = fakeTask(10)
  const { loop } = makeLoop([task], { isBlocking: true })
  expect(loop.turn()).toBe(false)
  expect(task.asked).toBe(0)
})

it('lets another task begin in each turn', () => {
  const order: string[] = []
  const tasks = ['a', 'b', 'c'].map((name) => {
    const task = fakeTask(0)
    task.life.process = () => {
      order.push(name)
      return 0
    }
    return task
  })
  const { loop } = makeLoop(tasks)
  for (let i = 0; i < 3; i++) loop.turn()
  expect(order.join('')).toBe('bcacababc')
})

it('says when it has failed itself', async () => {
  const { loop, failures } = makeLoop([], {
    turn: () => {
      throw new Error('a bug')
    },
  })
  loop.start()
  await loop.stop()
  expect(failures).toEqual([new Error('a bug')])
})
