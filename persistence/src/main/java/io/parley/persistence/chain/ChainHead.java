package io.parley.persistence.chain;

/**
 * How far the chain of an entity goes.
 *
 * @param sequence number of its last event; 0 when there is none
 * @param hash that event's hash
 */
public record ChainHead(String persistenceId, long sequence, Hash hash) {
  /** The chain of an entity without events. */
  public static ChainHead begin(String persistenceId) {
    return new ChainHead(persistenceId, 0, Hash.anchor(persistenceId));
  }

  /** Behind an event that is sealed. */
  public ChainHead behind(Seal seal) {
    return new ChainHead(persistenceId, seal.sequence(), seal.hash());
  }

  /** Behind an event that was stored before there were seals: it counts with what is stored. */
  public ChainHead behindUnsealed(int serializer, String manifest, byte[] stored) {
    return new ChainHead(
        persistenceId,
        sequence + 1,
        Hash.event(hash, persistenceId, sequence + 1, serializer, manifest, stored, stored.length));
  }
}
