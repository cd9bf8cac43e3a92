/*
 * Derive the key of an extent, whose nonce is params->file_nonce.  An extent PRK is
 * derived from the master key by HKDF, and the key from that by HKDF-Expand,
 * which takes one step, as no key is longer than the hash.  For v1 policies,
 * only as much of the master key is used as the mode needs.
 */
static void derive_extent_key(const struct key_and_iv_params *params,
			      u8 *real_key, size_t real_key_size)
{
	const bool v1 = params->kdf != KDF_HKDF_SHA512;
	u8 info[8 + 1 + FILE_NONCE_SIZE + 1] = "fscrypt";
	u8 extent_prk[SHA512_DIGEST_SIZE];
	u8 okm[SHA512_DIGEST_SIZE];

	if (!params->file_nonce_specified)
		die("--per-extent-key requires --file-nonce");
	ASSERT(real_key_size <= sizeof(okm));

	info[8] = HKDF_CONTEXT_EXTENT_KEY;
	hkdf_sha512(params->sw_secret,
		    v1 ? real_key_size : params->sw_secret_size,
		    NULL, 0, info, 9, extent_prk, sizeof(extent_prk));

	memcpy(&info[9], params->file_nonce, FILE_NONCE_SIZE);
	info[9 + FILE_NONCE_SIZE] = 1;
	hmac_sha512(extent_prk, sizeof(extent_prk), info, sizeof(info), okm);
	memcpy(real_key, okm, real_key_size);
}

