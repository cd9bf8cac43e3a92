/* SPDX-License-Identifier: GPL-2.0-only */

#ifndef BTRFS_EXTENT_CRYPT_H
#define BTRFS_EXTENT_CRYPT_H

#include <linux/blk_types.h>
#include <linux/bvec.h>
#include <linux/fscrypt.h>
#include <linux/fscrypt_extent.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <uapi/linux/btrfs_tree.h>

struct btrfs_bio;
struct btrfs_fs_info;
struct btrfs_inode;
struct btrfs_path;
struct extent_map;

/*
 * Data is encrypted and decrypted in pieces of at most this many bytes, but for reads
 * that blk-crypto was to decrypt.
 */
#define BTRFS_CRYPT_SIZE	SZ_256K

/*
 * What is needed, besides the inode, to encrypt or decrypt part of an extent.
 *
 * It is carried by value from the extent map to each bio.  So nothing has to be
 * freed or counted, and a master key can go without extent maps being dropped.
 */
struct btrfs_extent_crypt {
#ifdef CONFIG_FS_ENCRYPTION
	struct fscrypt_extent_nonce nonce;

	/*
	 * Logical address of the whole extent's first byte, which is where its
	 * data units are counted from.  0 if the extent isn't encrypted.
	 *
	 * NOCOW and PREALLOC ordered extents begin in the middle of an extent,
	 * so this can't be taken from the ordered extent's own disk_bytenr.  As
	 * an address, it needs no update where a bio is split.
	 */
	u64 bytenr;
#endif
};

/* A file extent item with the context that follows it if it is encrypted. */
struct btrfs_encrypted_file_extent_item {
	struct btrfs_file_extent_item fi;
	__le32 context_size;
	union fscrypt_any_extent_context context;
} __packed;

/*
 * Size of the file extent item @fi, which isn't an inline one.  It is either new or has
 * passed the tree checker.
 */
static inline u32 btrfs_stack_file_extent_item_size(const struct btrfs_file_extent_item *fi)
{
	const struct btrfs_encrypted_file_extent_item *item = (const void *)fi;

	if (!fi->encryption)
		return sizeof(*fi);
	return offsetof(struct btrfs_encrypted_file_extent_item, context) +
	       le32_to_cpu(item->context_size);
}

#ifdef CONFIG_FS_ENCRYPTION

static inline bool btrfs_extent_crypt_is_set(const struct btrfs_extent_crypt *crypt)
{
	return crypt->bytenr != 0;
}

/* Where in the extent @iter is, in bytes.  It has logical sectors, as before a bio is mapped. */
static inline u64 btrfs_pos_in_extent(const struct btrfs_extent_crypt *crypt,
				      const struct bvec_iter *iter)
{
	return (iter->bi_sector << SECTOR_SHIFT) - crypt->bytenr;
}

int btrfs_new_extent_crypt(struct btrfs_inode *inode, u64 bytenr,
			   struct btrfs_extent_crypt *crypt);
int btrfs_read_extent_crypt(struct btrfs_inode *inode, const struct btrfs_path *path,
			    const struct btrfs_file_extent_item *fi, u64 disk_bytenr,
			    struct btrfs_extent_crypt *crypt);
int btrfs_set_stack_extent_crypt(const struct btrfs_inode *inode, u64 file_offset,
				 const struct btrfs_extent_crypt *crypt,
				 u64 window_start, u64 window_len,
				 struct btrfs_encrypted_file_extent_item *item);
int btrfs_clone_stack_extent_crypt(struct btrfs_inode *src, const struct btrfs_path *path,
				   const struct btrfs_file_extent_item *fi,
				   const struct btrfs_inode *dst, u64 file_offset,
				   u64 data_offset, u64 data_len,
				   struct btrfs_encrypted_file_extent_item *item);

bool btrfs_encrypts_in_submitter(const struct btrfs_fs_info *fs_info);
void btrfs_encrypt_bio(struct btrfs_bio *bbio);
void btrfs_wait_for_encryption(struct btrfs_fs_info *fs_info,
			       const struct list_head *ordered_extents);
blk_status_t btrfs_decrypt_bio(struct btrfs_bio *bbio);
bool btrfs_verify_block(const struct btrfs_bio *bbio, u32 bio_offset, phys_addr_t paddr);

int btrfs_alloc_bounce_pool(struct btrfs_fs_info *fs_info);
void btrfs_free_bounce_pool(struct btrfs_fs_info *fs_info);
struct bio_set *btrfs_read_part_bioset(struct btrfs_fs_info *fs_info);

#else

static inline bool btrfs_extent_crypt_is_set(const struct btrfs_extent_crypt *crypt)
{
	return false;
}

static inline int btrfs_new_extent_crypt(struct btrfs_inode *inode, u64 bytenr,
					 struct btrfs_extent_crypt *crypt)
{
	return 0;
}

static inline int btrfs_read_extent_crypt(struct btrfs_inode *inode,
					  const struct btrfs_path *path,
					  const struct btrfs_file_extent_item *fi,
					  u64 disk_bytenr,
					  struct btrfs_extent_crypt *crypt)
{
	return 0;
}

static inline int btrfs_set_stack_extent_crypt(const struct btrfs_inode *inode, u64 file_offset,
					       const struct btrfs_extent_crypt *crypt,
					       u64 window_start, u64 window_len,
					       struct btrfs_encrypted_file_extent_item *item)
{
	return 0;
}

static inline int
btrfs_clone_stack_extent_crypt(struct btrfs_inode *src, const struct btrfs_path *path,
			       const struct btrfs_file_extent_item *fi,
			       const struct btrfs_inode *dst, u64 file_offset,
			       u64 data_offset, u64 data_len,
			       struct btrfs_encrypted_file_extent_item *item)
{
	return 0;
}

static inline bool btrfs_encrypts_in_submitter(const struct btrfs_fs_info *fs_info)
{
	return false;
}

static inline void btrfs_encrypt_bio(struct btrfs_bio *bbio)
{
}

static inline void btrfs_wait_for_encryption(struct btrfs_fs_info *fs_info,
					     const struct list_head *ordered_extents)
{
}

static inline blk_status_t btrfs_decrypt_bio(struct btrfs_bio *bbio)
{
	return BLK_STS_OK;
}

static inline bool btrfs_verify_block(const struct btrfs_bio *bbio, u32 bio_offset,
				      phys_addr_t paddr)
{
	return false;
}

static inline void btrfs_free_bounce_pool(struct btrfs_fs_info *fs_info)
{
}

static inline struct bio_set *btrfs_read_part_bioset(struct btrfs_fs_info *fs_info)
{
	return NULL;
}

#endif

#endif
