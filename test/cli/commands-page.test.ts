/** docs/commands.md: what it says that commands print is what they print. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { command } from '../support/command.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/commands.md', import.meta.url)), 'utf8')

describe('docs/commands.md', () => {
  const helps = [...page.matchAll(/^```\n\$ millrace ([^\n]*--help)\n(.*?)^```$/gms)]

  it.each(helps.map(([, line = '', text = '']) => [line, text]))('has %s', async (line, text) => {
    expect((await command(line.split(' '))).out).toBe(text)
  })

  it('tells of every command', async () => {
    const { out } = await command(['--help'])
    const names = [...out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name)
    const told = helps.map(([, line = '']) => line.replace(/ ?--help/, ''))
    expect(told.filter((name) => name !== '')).toEqual(names.filter((name) => name !== 'help'))
  })

  it('has examples that the commands take', async () => {
    const lines = [...page.matchAll(/^ {2}(millrace .*)$/gm)].map(([, line = '']) => line)
    expect(lines.length).toBeGreaterThan(4)
    for (const line of lines) {
      // With help behind it, a line is read and nothing is done; what is not known is told first.
      const words = wordsOf(line).slice(1)
      const { status, err } = await command([...words, '--help'])
      expect([line, status, err]).toEqual([line, 0, ''])
    }
  })
})

function wordsOf(line: string): readonly string[] {
  const [before = ''] = line.split(' | ')
  return [...before.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}
