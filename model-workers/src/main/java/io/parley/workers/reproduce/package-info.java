/**
 * Answers computed again, for audits: what the record says a model drew is fed to it, and each
 * token is drawn once more from the logits before it. Called by the command line and by nothing
 * that serves; keeps nothing. It does not read the journal, and says nothing of whether a record is
 * the one that was written.
 */
package io.parley.workers.reproduce;
