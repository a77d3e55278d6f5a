package io.parley.persistence.chain;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The Ed25519 keys of checkpoints: those that are believed, and the one that signs, if any. */
public final class CheckpointKeys {
  private static final String ALGORITHM = "Ed25519";

  private final Map<String, PublicKey> believed;
  private final Optional<Signer> signer;

  private record Signer(String keyId, PrivateKey key) {}

  private CheckpointKeys(Map<String, PublicKey> believed, Optional<Signer> signer) {
    this.believed = Map.copyOf(believed);
    this.signer = signer;
  }

  /** Nothing is signed, and no checkpoint compared. */
  public static CheckpointKeys none() {
    return new CheckpointKeys(Map.of(), Optional.empty());
  }

  /**
   * Reads the key files.
   *
   * @param publicKeys PEM files of those that are believed, by their ids
   * @param privateKey PEM file of the one that signs
   * @param keyId its id, among those that are believed
   * @throws IllegalArgumentException naming the key of the configuration that is wrong
   */
  public static CheckpointKeys read(
      Map<String, Path> publicKeys, Optional<Path> privateKey, String keyId) {
    Map<String, PublicKey> believed = new TreeMap<>();
    publicKeys.forEach((id, file) -> believed.put(id, publicKey("public-keys", file)));
    Optional<Signer> signer =
        privateKey.map(file -> new Signer(keyId, privateKey("private-key-file", file)));
    CheckpointKeys keys = new CheckpointKeys(believed, signer);
    signer.ifPresent(keys::requirePair);
    return keys;
  }

  /** These keys, made in memory. */
  static CheckpointKeys of(String keyId, PrivateKey key, Map<String, PublicKey> believed) {
    return new CheckpointKeys(believed, Optional.of(new Signer(keyId, key)));
  }

  /** A checkpoint that nobody could check would be found out when it is needed. */
  private void requirePair(Signer own) {
    Checkpoint probe = sign(own, ChainHead.begin("probe"), 0);
    if (!isSigned(probe)) {
      throw bad(
          "public-keys",
          own.keyId() + " is not the public key of parley.audit.checkpoint.private-key-file");
    }
  }

  public boolean canSign() {
    return signer.isPresent();
  }

  /** Whether checkpoints can be compared at all. */
  boolean believesAny() {
    return !believed.isEmpty();
  }

  /**
   * Signs.
   *
   * @throws IllegalStateException when there is no key for it
   */
  public Checkpoint sign(ChainHead head, long atMillis) {
    return sign(
        signer.orElseThrow(() -> new IllegalStateException("no key signs checkpoints")),
        head,
        atMillis);
  }

  private static Checkpoint sign(Signer by, ChainHead head, long atMillis) {
    try {
      Signature signature = Signature.getInstance(ALGORITHM);
      signature.initSign(by.key());
      signature.update(Checkpoint.signed(head, atMillis, by.keyId()));
      return new Checkpoint(
          head.persistenceId(),
          head.sequence(),
          head.hash(),
          atMillis,
          by.keyId(),
          signature.sign());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("cannot sign", e);
    }
  }

  /** Whether one of the keys has signed it. */
  boolean isSigned(Checkpoint checkpoint) {
    PublicKey key = believed.get(checkpoint.keyId());
    if (key == null) {
      return false;
    }
    try {
      Signature signature = Signature.getInstance(ALGORITHM);
      signature.initVerify(key);
      signature.update(checkpoint.signed());
      return signature.verify(checkpoint.signature());
    } catch (GeneralSecurityException e) {
      return false; // no signature at all
    }
  }

  private static PrivateKey privateKey(String name, Path file) {
    try {
      return KeyFactory.getInstance(ALGORITHM)
          .generatePrivate(new PKCS8EncodedKeySpec(pem(name, file, "PRIVATE KEY")));
    } catch (GeneralSecurityException e) {
      throw bad(name, file + " is not an Ed25519 private key in PKCS #8");
    }
  }

  private static PublicKey publicKey(String name, Path file) {
    try {
      return KeyFactory.getInstance(ALGORITHM)
          .generatePublic(new X509EncodedKeySpec(pem(name, file, "PUBLIC KEY")));
    } catch (GeneralSecurityException e) {
      throw bad(name, file + " is not an Ed25519 public key");
    }
  }

  private static byte[] pem(String name, Path file, String type) {
    String begin = "-----BEGIN " + type + "-----";
    String end = "-----END " + type + "-----";
    String text;
    try {
      text = Files.readString(file, StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw bad(name, file + " cannot be read");
    }
    int from = text.indexOf(begin);
    int to = text.indexOf(end);
    if (from < 0 || to < from) {
      throw bad(name, file + " holds no '" + begin + "'");
    }
    try {
      return Base64.getMimeDecoder().decode(text.substring(from + begin.length(), to));
    } catch (IllegalArgumentException e) {
      throw bad(name, file + " is not PEM");
    }
  }

  private static IllegalArgumentException bad(String name, String why) {
    return new IllegalArgumentException("parley.audit.checkpoint." + name + ": " + why);
  }
}
