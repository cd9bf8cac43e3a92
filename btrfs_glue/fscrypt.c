// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encryption with fscrypt: policies, names and keys.
 *
 * An encrypted inode has BTRFS_INODE_ENCRYPT and an item of its own with its
 * encryption context.  The names in an encrypted directory are on disk in their
 * encrypted form wherever they are: in directory items, references, root
 * references and the log.  So all of btrfs works on encrypted names, without any
 * key, and only the functions here, and their callers at the border to the VFS
 * and to userspace, know another form.
 */

#include <linux/fscrypt_extent.h>
#include <linux/iversion.h>
#include "messages.h"
#include "ctree.h"
#include "fs.h"
#include "accessors.h"
#include "async-thread.h"
#include "dir-item.h"
#include "disk-io.h"
#include "fscrypt.h"
#include "inline-crypt.h"
#include "ioctl.h"
#include "super.h"
#include "transaction.h"
#include "tree-log.h"

/* Return: 0 if the inode has an encryption context, 1 if not, or -errno. */
static int find_context(struct btrfs_root *root, u64 ino, struct btrfs_path *path)
{
	const struct btrfs_key key = {
		.objectid = ino,
		.type = BTRFS_FSCRYPT_INODE_CTX_KEY,
	};

	return btrfs_search_slot(NULL, root, &key, path, 0, 0);
}

static int btrfs_fscrypt_get_context(struct inode *vfs_inode, void *ctx, size_t len)
{
	BTRFS_PATH_AUTO_FREE(path);
	u32 size;
	int ret;

	path = btrfs_alloc_path();
	if (!path)
		return -ENOMEM;

	ret = find_context(BTRFS_I(vfs_inode)->root, btrfs_ino(BTRFS_I(vfs_inode)), path);
	if (ret)
		return ret < 0 ? ret : -ENODATA;

	size = btrfs_item_size(path->nodes[0], path->slots[0]);
	if (size > len)
		return -ERANGE;
	read_extent_buffer(path->nodes[0], ctx,
			   btrfs_item_ptr_offset(path->nodes[0], path->slots[0]), size);
	return size;
}

static int insert_context(struct btrfs_trans_handle *trans, struct btrfs_inode *inode,
			  const void *ctx, size_t len)
{
	const struct btrfs_key key = {
		.objectid = btrfs_ino(inode),
		.type = BTRFS_FSCRYPT_INODE_CTX_KEY,
	};

	struct btrfs_fs_info *fs_info = trans->fs_info;
	const bool authenticated = fscrypt_is_authenticated_context(ctx, len);

	/*
	 * Syncing the log writes the superblock of the last commit.  It must not
	 * make encrypted items durable under a superblock without the bits.
	 */
	if (!btrfs_fs_incompat(fs_info, EXTENT_FSCRYPT) ||
	    (authenticated && !btrfs_fs_incompat(fs_info, EXTENT_FSCRYPT_AUTH)))
		btrfs_set_log_full_commit(trans);
	btrfs_set_fs_incompat(fs_info, EXTENT_FSCRYPT);
	if (authenticated)
		btrfs_set_fs_incompat(fs_info, EXTENT_FSCRYPT_AUTH);

	return btrfs_insert_item(trans, inode->root, &key, (void *)ctx, len);
}

/*
 * Zoned writes are split below the place where they are encrypted, and a data
 * unit, which is a block by default, must not span pages.
 */
static int check_encryption_support(struct btrfs_fs_info *fs_info)
{
	const bool zoned = btrfs_fs_incompat(fs_info, ZONED);

	if (!zoned && fs_info->sectorsize <= PAGE_SIZE)
		return 0;

	btrfs_err_rl(fs_info, "encryption is not supported %s", zoned ?
		     "on zoned filesystems" : "with a block size above the page size");
	return -EOPNOTSUPP;
}

/*
 * @fs_data is the transaction handle when a new inode is created.  Then the
 * inode has its flag already and the caller reserved the space.  It is NULL when
 * an empty directory gets a policy.
 */
static int btrfs_fscrypt_set_context(struct inode *vfs_inode, const void *ctx,
				     size_t len, void *fs_data)
{
	struct btrfs_inode *inode = BTRFS_I(vfs_inode);
	struct btrfs_fs_info *fs_info = inode->root->fs_info;
	struct btrfs_trans_handle *trans = fs_data;
	int ret;

	if (trans)
		return insert_context(trans, inode, ctx, len);

	if (btrfs_root_readonly(inode->root))
		return -EROFS;
	/* Before root is asked for what root can't do, either. */
	ret = check_encryption_support(fs_info);
	if (ret)
		return ret;
	/*
	 * With the feature, kernels without it can't mount the filesystem.  That
	 * isn't for the owner of an empty directory to decide.
	 */
	if (!btrfs_fs_incompat(fs_info, EXTENT_FSCRYPT) && !capable(CAP_SYS_ADMIN)) {
		btrfs_warn_rl(fs_info,
"encryption is not enabled: as root, encrypt an empty directory (fscrypt encrypt DIRECTORY)");
		return -EOPNOTSUPP;
	}
	if (fscrypt_is_authenticated_context(ctx, len) &&
	    !btrfs_fs_incompat(fs_info, EXTENT_FSCRYPT_AUTH) && !capable(CAP_SYS_ADMIN)) {
		btrfs_warn_rl(fs_info,
"authentication is not enabled: as root, give an empty directory such a policy");
		return -EOPNOTSUPP;
	}
	ret = btrfs_prepare_encryption(fs_info);
	if (ret)
		return ret;

	/* 1 for the context and 1 for the inode item */
	trans = btrfs_start_transaction(inode->root, 2);
	if (IS_ERR(trans))
		return PTR_ERR(trans);

	/* The log may have the directory as a plain one. */
	btrfs_set_log_full_commit(trans);

	ret = insert_context(trans, inode, ctx, len);
	if (ret)
		goto out;

	inode->flags |= BTRFS_INODE_ENCRYPT;
	btrfs_sync_inode_flags_to_i_flags(inode);
	inode_inc_iversion(vfs_inode);
	inode_set_ctime_current(vfs_inode);
	ret = btrfs_update_inode(trans, inode);
	if (unlikely(ret))
		btrfs_abort_transaction(trans, ret);
out:
	btrfs_end_transaction(trans);
	return ret;
}

static bool btrfs_fscrypt_empty_dir(struct inode *dir)
{
	return dir->i_size == BTRFS_EMPTY_DIR_SIZE;
}

static const union fscrypt_policy *btrfs_fscrypt_get_dummy_policy(struct super_block *sb)
{
	return btrfs_sb(sb)->dummy_enc_policy.policy;
}

/*
 * An ordered extent drops its inode with its own last reference.  That can be a
 * worker's, some time after whoever waited for the I/O was woken up, and leaves
 * the rest to the cleaner.  The shrinker of extent maps and automatic defragmentation
 * have one inode after the other; the latter leaves it dirty, and takes none whose key
 * is being removed.
 *
 * A frozen filesystem must be thawed before inodes of deleted files, and the one that is
 * being defragmented, can go.
 */
static void btrfs_fscrypt_drop_internal_inode_refs(struct super_block *sb)
{
	struct btrfs_fs_info *fs_info = btrfs_sb(sb);

	if (btrfs_test_opt(fs_info, AUTO_DEFRAG) &&
	    !mutex_lock_killable(&fs_info->defrag_mutex)) {
		mutex_unlock(&fs_info->defrag_mutex);
		guard(rwsem_read)(&sb->s_umount);
		sync_filesystem(sb);
	}
	flush_work(&fs_info->em_shrinker_work);
	btrfs_flush_ordered_workers(fs_info);
	btrfs_run_delayed_iputs(fs_info);
	btrfs_wait_on_delayed_iputs(fs_info);
}

const struct fscrypt_operations btrfs_fscrypt_operations = {
	.inode_info_offs = (int)offsetof(struct btrfs_inode, i_crypt_info) -
			   (int)offsetof(struct btrfs_inode, vfs_inode),
	.has_per_extent_encryption = 1,
	.supports_subblock_data_units = 1,
	.supports_authenticated_contents = 1,
	.get_context = btrfs_fscrypt_get_context,
	.set_context = btrfs_fscrypt_set_context,
	.get_dummy_policy = btrfs_fscrypt_get_dummy_policy,
	.empty_dir = btrfs_fscrypt_empty_dir,
	.get_inline_crypt_device = btrfs_get_inline_crypt_device,
	.drop_internal_inode_refs = btrfs_fscrypt_drop_internal_inode_refs,
};

/*
 * Check whether files of this filesystem can be encrypted, and allocate what writing
 * them takes.
 */
int btrfs_prepare_encryption(struct btrfs_fs_info *fs_info)
{
	return check_encryption_support(fs_info) ?: btrfs_alloc_bounce_pool(fs_info);
}

/* Report that @inode has either a context or the flag for it.  Return: -EUCLEAN. */
int btrfs_report_inode_context(const struct btrfs_inode *inode)
{
	btrfs_crit(inode->root->fs_info, "root %llu inode %llu has %s",
		   btrfs_root_id(inode->root), btrfs_ino(inode),
		   inode->flags & BTRFS_INODE_ENCRYPT ?
		   "the encryption flag but no encryption context" :
		   "an encryption context but no encryption flag");
	return -EUCLEAN;
}

/*
 * Check that an inode that was just read has a context exactly if it is flagged
 * as encrypted.
 *
 * Eviction of a deleted inode may remove the context in one transaction and the
 * inode item in the next, and log replay restores the inode item first.
 */
int btrfs_check_inode_context(struct btrfs_inode *inode, struct btrfs_path *path)
{
	struct btrfs_fs_info *fs_info = inode->root->fs_info;
	const bool encrypted = inode->flags & BTRFS_INODE_ENCRYPT;
	int ret;

	if (!inode->vfs_inode.i_nlink ||
	    test_bit(BTRFS_FS_LOG_RECOVERING, &fs_info->flags))
		return 0;

	ret = find_context(inode->root, btrfs_ino(inode), path);
	btrfs_release_path(path);
	if (ret < 0)
		return ret;

	return likely(encrypted == !ret) ? 0 : btrfs_report_inode_context(inode);
}

/*
 * Complete a name that was set up in an encrypted directory for a lookup or for
 * the deletion of @dentry.
 *
 * The no-key name of a long name has only a part of the encrypted name and a
 * hash of the rest.  Replace it by what is on disk, so that nobody else needs to
 * know about it.  @fname is freed on error.
 *
 * Return: 0, -ENOENT if there is no such name, or another -errno.
 */
int btrfs_resolve_nokey_name(struct btrfs_inode *dir, const struct dentry *dentry,
			     struct fscrypt_name *fname)
{
	BTRFS_PATH_AUTO_FREE(path);
	struct btrfs_key key;
	u8 *name = NULL;
	u32 len;
	int ret = -ENOENT;

	/*
	 * If the key came after the lookup then the no-key name was taken for a
	 * plaintext name.  Find out before the transaction, because a subvolume
	 * whose name can't be found aborts it.
	 */
	if (fname->is_nokey_name != fscrypt_is_nokey_name(dentry))
		goto fail;
	if (likely(fname->disk_name.name))
		return 0;

	path = btrfs_alloc_path();
	name = kmalloc(BTRFS_NAME_LEN, GFP_KERNEL);
	if (!path || !name) {
		ret = -ENOMEM;
		goto fail;
	}

	/* btrfs_name_to_user() put the hash of the encrypted name there. */
	key.objectid = btrfs_ino(dir);
	key.type = BTRFS_DIR_ITEM_KEY;
	key.offset = fname->hash;
	ret = btrfs_search_slot(NULL, dir->root, &key, path, 0, 0);
	if (ret < 0)
		goto fail;

	for (u32 cur = 0; !ret && cur < btrfs_item_size(path->nodes[0], path->slots[0]);
	     cur += sizeof(struct btrfs_dir_item) + len) {
		unsigned long ptr = btrfs_item_ptr_offset(path->nodes[0],
							  path->slots[0]) + cur;

		len = btrfs_dir_name_len(path->nodes[0], (struct btrfs_dir_item *)ptr);
		read_extent_buffer(path->nodes[0], name,
				   ptr + sizeof(struct btrfs_dir_item), len);
		if (!fscrypt_match_name(fname, name, len))
			continue;

		kfree(fname->crypto_buf.name);
		fname->crypto_buf.name = name;
		fname->crypto_buf.len = len;
		fname->disk_name = fname->crypto_buf;
		return 0;
	}
	ret = -ENOENT;
fail:
	kfree(name);
	fscrypt_free_filename(fname);
	return ret;
}

/*
 * Turn a name from disk into what userspace may see.
 *
 * @dir:   an encrypted directory
 * @name:  the name, in a buffer of at least NAME_MAX bytes
 * @len:   length of the name on disk
 *
 * This is the plaintext if the key is set up, else the no-key name.  Either can
 * be looked up again.  Don't call it with a tree locked.
 *
 * Return: the new length, or -errno.
 */
int btrfs_name_to_user(const struct inode *dir, char *name, int len)
{
	const struct btrfs_root *root = BTRFS_I(dir)->root;
	struct fscrypt_str iname;
	struct fscrypt_str oname;
	int ret;

	/* The ciphers need memory that isn't on the stack. */
	ret = fscrypt_fname_alloc_buffer(2 * NAME_MAX, &oname);
	if (ret)
		return ret;
	iname.name = memcpy(oname.name + NAME_MAX, name, len);
	iname.len = len;

	ret = fscrypt_fname_disk_to_usr(dir, btrfs_name_hash(name, len), 0,
					&iname, &oname);
	/* What was not encrypted with this key may decrypt to anything. */
	if (!ret && unlikely(!oname.len || memchr(oname.name, '/', oname.len) ||
			     name_is_dot_dotdot(oname.name, oname.len))) {
		btrfs_err_rl(root->fs_info,
			     "root %llu inode %llu has a name that can't be decrypted",
			     btrfs_root_id(root), btrfs_ino(BTRFS_I(dir)));
		ret = -EUCLEAN;
	}
	if (!ret) {
		memcpy(name, oname.name, oname.len);
		ret = oname.len;
	}
	fscrypt_fname_free_buffer(&oname);
	return ret;
}

/*
 * Check that what has encrypted names in it is a directory: the key of anything else has
 * no cipher for them.
 *
 * Return: 0, or -EUCLEAN
 */
int btrfs_check_dir_of_names(const struct inode *inode)
{
	const struct btrfs_root *root = BTRFS_I(inode)->root;

	if (likely(S_ISDIR(inode->i_mode)))
		return 0;
	btrfs_err_rl(root->fs_info, "root %llu inode %llu has names in it but is no directory",
		     btrfs_root_id(root), btrfs_ino(BTRFS_I(inode)));
	return -EUCLEAN;
}

/* Get an inode if it is in memory, else NULL. */
static struct btrfs_inode *find_inode_in_memory(struct btrfs_root *root, u64 ino)
{
	struct btrfs_inode *inode;

	xa_lock(&root->inodes);
	inode = xa_load(&root->inodes, ino);
	if (inode && !igrab(&inode->vfs_inode))
		inode = NULL;
	xa_unlock(&root->inodes);
	return inode;
}

/*
 * Same as btrfs_name_to_user(), for a name that was found in a reference to the
 * directory @dirid of @root, which may be plain.  The rest of the old name is cleared.
 * Not within a transaction.
 *
 * @cached: neither read an inode nor set up a key: the result is the no-key name,
 *	    unless the directory is in memory and unlocked
 */
int btrfs_ref_name_to_user(struct btrfs_root *root, u64 dirid, char *name, int len,
			   bool cached)
{
	const struct btrfs_key inode_key = {
		.objectid = dirid,
		.type = BTRFS_INODE_ITEM_KEY,
	};
	BTRFS_PATH_AUTO_FREE(path);
	struct btrfs_fs_info *fs_info = root->fs_info;
	/* It never has a key. */
	const struct inode *vfs_dir = fs_info->btree_inode;
	struct btrfs_inode *dir;
	int ret;

	if (!btrfs_fs_incompat(fs_info, EXTENT_FSCRYPT))
		return len;

	/* A root reference may name any tree.  In others, 256 is no inode number. */
	if (unlikely(!btrfs_is_fstree(btrfs_root_id(root)))) {
		btrfs_err_rl(fs_info, "root %llu has names in it but is no subvolume",
			     btrfs_root_id(root));
		return -EUCLEAN;
	}

	/*
	 * Don't read the inodes of plain directories.  The flag in the inode item may
	 * be out of date, as changes of it are delayed.
	 */
	path = btrfs_alloc_path();
	if (!path)
		return -ENOMEM;
	ret = find_context(root, dirid, path);
	btrfs_release_path(path);
	if (ret > 0) {
		/* Nor is the name of a directory that isn't there known to be plain. */
		ret = btrfs_search_slot(NULL, root, &inode_key, path, 0, 0);
		if (ret > 0)
			ret = -ENOENT;
		return ret ?: len;
	}
	if (ret)
		return ret;

	dir = cached ? find_inode_in_memory(root, dirid) : btrfs_iget(dirid, root);
	if (IS_ERR(dir))
		return PTR_ERR(dir);

	if (dir) {
		vfs_dir = &dir->vfs_inode;
		ret = btrfs_check_dir_of_names(vfs_dir);
		if (!ret && !cached)
			ret = fscrypt_prepare_readdir(&dir->vfs_inode);
	}
	if (!ret)
		ret = btrfs_name_to_user(vfs_dir, name, len);

	/* Eviction reads and writes. */
	if (cached && dir)
		btrfs_add_delayed_iput(dir);
	else if (dir)
		iput(&dir->vfs_inode);

	if (ret >= 0 && ret < len)
		memset(name + ret, 0, len - ret);
	return ret;
}

/*
 * Get an inode with its key, to read it without a file, if it is encrypted.
 *
 * @root:  a subvolume
 * @ino:   number of an inode in it
 * @flags: BTRFS_INODE_*, as its inode item has them
 * @nlink: the same
 *
 * It may be that an encrypted inode lacks the flag, or a plain one has it: btrfs_iget()
 * refuses either if the inode has links.  One that has none isn't read, as putting it
 * would delete it.
 *
 * The key stays for as long as the caller has the inode.  If it was not in memory before,
 * it is to leave then, though another user who comes meanwhile can make a difference.
 *
 * Not within a transaction, and with no tree locked.
 *
 * Return: the inode, to be put; NULL if it isn't encrypted; or ERR_PTR(-ENOKEY) if its
 *	   key isn't available, ERR_PTR(-EUCLEAN) if it is corrupt, or another error
 */
struct inode *btrfs_iget_encrypted(struct btrfs_root *root, u64 ino, u64 flags, u32 nlink)
{
	BTRFS_PATH_AUTO_FREE(path);
	struct btrfs_inode *inode;
	bool in_memory;
	int ret;

	if (!(flags & BTRFS_INODE_ENCRYPT)) {
		path = btrfs_alloc_path();
		if (!path)
			return ERR_PTR(-ENOMEM);
		ret = find_context(root, ino, path);
		btrfs_release_path(path);
		if (ret)
			return ret > 0 ? NULL : ERR_PTR(ret);
	}

	if (unlikely(!nlink)) {
		btrfs_err_rl(root->fs_info, "root %llu inode %llu is in use and has no links",
			     btrfs_root_id(root), ino);
		return ERR_PTR(-EUCLEAN);
	}

	in_memory = xa_load(&root->inodes, ino);
	inode = btrfs_iget(ino, root);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	if (!in_memory)
		d_mark_dontcache(&inode->vfs_inode);

	ret = fscrypt_prepare_read(&inode->vfs_inode);
	/* Without a key, its names would be no-key names. */
	if (!ret && unlikely(!fscrypt_has_encryption_key(&inode->vfs_inode)))
		ret = -EUCLEAN;
	if (ret) {
		iput(&inode->vfs_inode);
		return ERR_PTR(ret);
	}
	return &inode->vfs_inode;
}

int btrfs_emit_encrypted(const struct inode *dir, struct dir_context *ctx,
			 const char *name, int len, u64 ino, unsigned int type)
{
	char user_name[NAME_MAX];

	memcpy(user_name, name, len);
	len = btrfs_name_to_user(dir, user_name, len);
	if (len < 0)
		return len;
	return !dir_emit(ctx, user_name, len, ino, type);
}

/*
 * Check whether an inode that was found in an encrypted directory may be there.
 *
 * All files in it have its policy, or somebody changed the filesystem offline.
 * For regular files fscrypt_file_open() checks it, so that they can be deleted.
 * The placeholder for a subvolume that was not snapshotted together with the
 * directory has no policy.
 */
bool btrfs_is_permitted_child(struct inode *dir, struct inode *inode)
{
	if ((!S_ISDIR(inode->i_mode) && !S_ISLNK(inode->i_mode)) ||
	    btrfs_ino(BTRFS_I(inode)) == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID ||
	    fscrypt_has_permitted_context(dir, inode))
		return true;

	btrfs_warn_rl(inode_to_fs_info(dir),
		      "root %llu inode %llu lacks the encryption policy of its directory %llu",
		      btrfs_root_id(BTRFS_I(inode)->root), btrfs_ino(BTRFS_I(inode)),
		      btrfs_ino(BTRFS_I(dir)));
	return false;
}

/* As for a link: only what has the policy of an encrypted @dir may be in it. */
int btrfs_check_snapshot_policy(struct inode *dir, struct btrfs_root *source)
{
	struct btrfs_inode *inode;
	int ret = 0;

	inode = btrfs_iget(BTRFS_FIRST_FREE_OBJECTID, source);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	if (!fscrypt_has_permitted_context(dir, &inode->vfs_inode))
		ret = -EXDEV;
	iput(&inode->vfs_inode);
	return ret;
}

/*
 * Check whether two encrypted files that are open can have extents in common.
 * Equal v1 policies don't mean equal keys, as a key descriptor is arbitrary.
 */
bool btrfs_can_share_extents(struct inode *inode1, struct inode *inode2)
{
	return fscrypt_has_permitted_context(inode1, inode2) &&
	       fscrypt_have_same_extent_key(inode1, inode2);
}

int btrfs_fscrypt_ioctl(struct file *file, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case FS_IOC_SET_ENCRYPTION_POLICY:
		return fscrypt_ioctl_set_policy(file, arg);
	case FS_IOC_GET_ENCRYPTION_POLICY:
		return fscrypt_ioctl_get_policy(file, arg);
	case FS_IOC_GET_ENCRYPTION_POLICY_EX:
		return fscrypt_ioctl_get_policy_ex(file, arg);
	case FS_IOC_ADD_ENCRYPTION_KEY:
		return fscrypt_ioctl_add_key(file, arg);
	case FS_IOC_REMOVE_ENCRYPTION_KEY:
		return fscrypt_ioctl_remove_key(file, arg);
	case FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS:
		return fscrypt_ioctl_remove_key_all_users(file, arg);
	case FS_IOC_GET_ENCRYPTION_KEY_STATUS:
		return fscrypt_ioctl_get_key_status(file, arg);
	case FS_IOC_GET_ENCRYPTION_NONCE:
		return fscrypt_ioctl_get_nonce(file, arg);
	}
	return -ENOTTY;
}
