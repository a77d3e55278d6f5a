package io.parley.routing.protocol;

/** Marks messages that travel between nodes as CBOR (Akka's Jackson serializer). */
public interface CborSerializable {}
