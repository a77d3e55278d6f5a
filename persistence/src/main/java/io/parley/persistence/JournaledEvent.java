package io.parley.persistence;

/**
 * One stored event.
 *
 * @param persistenceId the entity it belongs to
 * @param sequenceNr its place in that entity's history, from 1
 * @param storedAtMillis when it was written, by the writer's clock, milliseconds since 1970
 * @param event the event as the entity's serializer gives it back
 */
public record JournaledEvent(
    String persistenceId, long sequenceNr, long storedAtMillis, Object event) {}
