package io.parley.persistence.embedded;

/**
 * Hears of the journal's process. When it is given up the journal stays away: the node must stop.
 */
public interface EmbeddedCassandraListener extends ChildListener {}
