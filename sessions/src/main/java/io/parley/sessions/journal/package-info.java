/**
 * The persisted form of a session's events and snapshots: CBOR records with versioned manifests.
 *
 * <p>Only this package knows that form, so the domain's records may change freely. A version that
 * was ever written is read for ever: golden files of each are replayed in every test run. Recipes
 * for a new event or version are in {@code docs/decisions/event-serialization.md}.
 */
package io.parley.sessions.journal;
