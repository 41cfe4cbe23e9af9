/** How a partial keeps the members of a set. */
import { MemberList, type Members } from './member-list.ts'
import { MemberSet } from './member-set.ts'

/** Each once, or, for those who unite them later, as they come. */
export type KeptMembers = 'once' | 'as they come'

export function makeMembers(kept: KeptMembers): Members {
  return kept === 'once' ? new MemberSet() : new MemberList()
}
