/**
 * Recorded turns, run again: histories of sessions from a server or an export become attempts, and
 * these go through the models that they name. Called by the command line; changes nothing anywhere.
 * Whether a history is the one that was written, it does not ask.
 */
package io.parley.node.audit.reproduce;
