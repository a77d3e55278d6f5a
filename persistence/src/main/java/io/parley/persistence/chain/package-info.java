/**
 * The hash chain over an entity's stored events, and the signed checkpoints of it. Pure: bytes in,
 * bytes and findings out. The entities seal what they store with {@link
 * io.parley.persistence.chain.Seal}; {@link io.parley.persistence.JournalVerifier} reads the tables
 * and has {@link io.parley.persistence.chain.ChainCheck} judge them.
 *
 * <p>The form of a seal and what is hashed are stored for ever: a change is another version of it.
 * What is proved, and against whom, stands in {@code docs/auditors.md}.
 */
package io.parley.persistence.chain;
