// Generated from manifests-schema/export-provenance-parameters.schema.json by `npm run generate`: edit the schema, not this file.
// @ts-nocheck: compiled by ajv; the one function that leaves this module has a type of its own

const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://stellaops.io/export-center/schemas/export-provenance-parameters/v1","title":"Export provenance parameters","$comment":"Code: src/signing","description":"The externalParameters of a bundle's SLSA provenance: the whole request, as a verifier compares it with export.json. Where the records came from stands in resolvedDependencies, and no secret stands anywhere.","type":"object","additionalProperties":false,"required":["profile","tenant","selector","asOf","options"],"properties":{"profile":{"description":"What the consumer wanted.","$ref":"#/$defs/profile"},"tenant":{"description":"Whose evidence this is.","type":"string","pattern":"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"},"selector":{"description":"Which records were wanted; empty for all.","$ref":"#/$defs/selector"},"asOf":{"description":"The bundle's one point in time, also where it was not asked for but found among the records.","$ref":"#/$defs/instant"},"options":{"description":"Options that were set or that have a default which reaches the contents.","$ref":"#/$defs/options"}},"$defs":{"instant":{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"},"text":{"type":"string","pattern":"^[^\\u0000-\\u001f\\u007f]{1,256}$"},"profile":{"type":"object","additionalProperties":false,"required":["kind","variant","name","revision"],"properties":{"kind":{"description":"What its artifacts are for: the half of the name before the colon.","type":"string","pattern":"^[a-z][a-z0-9-]{0,30}$"},"variant":{"description":"The half of the name after the colon.","type":"string","pattern":"^[a-z][a-z0-9-]{0,30}$"},"name":{"description":"The name by which it is asked for, e.g. `json:raw`.","type":"string","pattern":"^[a-z0-9](?:[a-z0-9:-]{0,61}[a-z0-9])?$"},"revision":{"description":"A profile never changes: another meaning is another revision.","type":"string","pattern":"^r[1-9][0-9]{0,8}$"}}},"selector":{"type":"object","additionalProperties":false,"properties":{"ecosystems":{"$ref":"#/$defs/clause"},"packages":{"description":"Names, or globs of names.","$ref":"#/$defs/clause"},"ids":{"$ref":"#/$defs/clause"},"minimumSeverity":{"description":"Records without a score stay.","enum":["low","medium","high","critical"]},"modifiedSince":{"$ref":"#/$defs/instant"},"modifiedUntil":{"$ref":"#/$defs/instant"},"withdrawn":{"description":"What becomes of withdrawn records; `include` unless told.","enum":["include","exclude","only"]}}},"clause":{"description":"One of these must fit; in byte order, each once.","type":"array","minItems":1,"maxItems":10000,"items":{"$ref":"#/$defs/text"}},"options":{"description":"Beside skipInvalid those of the profile, which its own schema describes (manifests-schema/PROFILE-options.schema.json).","type":"object","additionalProperties":true,"properties":{"skipInvalid":{"description":"Whether records that cannot be exported are withheld, instead of ending the export.","type":"boolean"}}}}};
const schema32 = {"type":"object","additionalProperties":false,"required":["kind","variant","name","revision"],"properties":{"kind":{"description":"What its artifacts are for: the half of the name before the colon.","type":"string","pattern":"^[a-z][a-z0-9-]{0,30}$"},"variant":{"description":"The half of the name after the colon.","type":"string","pattern":"^[a-z][a-z0-9-]{0,30}$"},"name":{"description":"The name by which it is asked for, e.g. `json:raw`.","type":"string","pattern":"^[a-z0-9](?:[a-z0-9:-]{0,61}[a-z0-9])?$"},"revision":{"description":"A profile never changes: another meaning is another revision.","type":"string","pattern":"^r[1-9][0-9]{0,8}$"}}};
const schema36 = {"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"};
const schema39 = {"description":"Beside skipInvalid those of the profile, which its own schema describes (manifests-schema/PROFILE-options.schema.json).","type":"object","additionalProperties":true,"properties":{"skipInvalid":{"description":"Whether records that cannot be exported are withheld, instead of ending the export.","type":"boolean"}}};
const pattern4 = new RegExp("^[a-z][a-z0-9-]{0,30}$", "u");
const pattern6 = new RegExp("^[a-z0-9](?:[a-z0-9:-]{0,61}[a-z0-9])?$", "u");
const pattern7 = new RegExp("^r[1-9][0-9]{0,8}$", "u");
const pattern8 = new RegExp("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", "u");
const pattern10 = new RegExp("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$", "u");
const schema33 = {"type":"object","additionalProperties":false,"properties":{"ecosystems":{"$ref":"#/$defs/clause"},"packages":{"description":"Names, or globs of names.","$ref":"#/$defs/clause"},"ids":{"$ref":"#/$defs/clause"},"minimumSeverity":{"description":"Records without a score stay.","enum":["low","medium","high","critical"]},"modifiedSince":{"$ref":"#/$defs/instant"},"modifiedUntil":{"$ref":"#/$defs/instant"},"withdrawn":{"description":"What becomes of withdrawn records; `include` unless told.","enum":["include","exclude","only"]}}};
const schema34 = {"description":"One of these must fit; in byte order, each once.","type":"array","minItems":1,"maxItems":10000,"items":{"$ref":"#/$defs/text"}};
const schema35 = {"type":"string","pattern":"^[^\\u0000-\\u001f\\u007f]{1,256}$"};
const pattern9 = new RegExp("^[^\\u0000-\\u001f\\u007f]{1,256}$", "u");

function validate22(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate22.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(Array.isArray(data)){
if(data.length > 10000){
const err0 = {instancePath,schemaPath:"#/maxItems",keyword:"maxItems",params:{limit: 10000},message:"must NOT have more than 10000 items"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.length < 1){
const err1 = {instancePath,schemaPath:"#/minItems",keyword:"minItems",params:{limit: 1},message:"must NOT have fewer than 1 items"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
if(typeof data0 === "string"){
if(!pattern9.test(data0)){
const err2 = {instancePath:instancePath+"/" + i0,schemaPath:"#/$defs/text/pattern",keyword:"pattern",params:{pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$"},message:"must match pattern \""+"^[^\\u0000-\\u001f\\u007f]{1,256}$"+"\""};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
else {
const err3 = {instancePath:instancePath+"/" + i0,schemaPath:"#/$defs/text/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
}
else {
const err4 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
validate22.errors = vErrors;
return errors === 0;
}
validate22.evaluated = {"items":true,"dynamicProps":false,"dynamicItems":false};


function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate21.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
for(const key0 in data){
if(!(((((((key0 === "ecosystems") || (key0 === "packages")) || (key0 === "ids")) || (key0 === "minimumSeverity")) || (key0 === "modifiedSince")) || (key0 === "modifiedUntil")) || (key0 === "withdrawn"))){
const err0 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
}
if(data.ecosystems !== undefined){
if(!(validate22(data.ecosystems, {instancePath:instancePath+"/ecosystems",parentData:data,parentDataProperty:"ecosystems",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.packages !== undefined){
if(!(validate22(data.packages, {instancePath:instancePath+"/packages",parentData:data,parentDataProperty:"packages",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.ids !== undefined){
if(!(validate22(data.ids, {instancePath:instancePath+"/ids",parentData:data,parentDataProperty:"ids",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.minimumSeverity !== undefined){
let data3 = data.minimumSeverity;
if(!((((data3 === "low") || (data3 === "medium")) || (data3 === "high")) || (data3 === "critical"))){
const err1 = {instancePath:instancePath+"/minimumSeverity",schemaPath:"#/properties/minimumSeverity/enum",keyword:"enum",params:{allowedValues: schema33.properties.minimumSeverity.enum},message:"must be equal to one of the allowed values"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.modifiedSince !== undefined){
let data4 = data.modifiedSince;
if(typeof data4 === "string"){
if(!pattern10.test(data4)){
const err2 = {instancePath:instancePath+"/modifiedSince",schemaPath:"#/$defs/instant/pattern",keyword:"pattern",params:{pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"},message:"must match pattern \""+"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"+"\""};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
else {
const err3 = {instancePath:instancePath+"/modifiedSince",schemaPath:"#/$defs/instant/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
if(data.modifiedUntil !== undefined){
let data5 = data.modifiedUntil;
if(typeof data5 === "string"){
if(!pattern10.test(data5)){
const err4 = {instancePath:instancePath+"/modifiedUntil",schemaPath:"#/$defs/instant/pattern",keyword:"pattern",params:{pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"},message:"must match pattern \""+"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"+"\""};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
else {
const err5 = {instancePath:instancePath+"/modifiedUntil",schemaPath:"#/$defs/instant/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.withdrawn !== undefined){
let data6 = data.withdrawn;
if(!(((data6 === "include") || (data6 === "exclude")) || (data6 === "only"))){
const err6 = {instancePath:instancePath+"/withdrawn",schemaPath:"#/properties/withdrawn/enum",keyword:"enum",params:{allowedValues: schema33.properties.withdrawn.enum},message:"must be equal to one of the allowed values"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
}
else {
const err7 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.profile === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "profile"},message:"must have required property '"+"profile"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.tenant === undefined){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "tenant"},message:"must have required property '"+"tenant"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
if(data.selector === undefined){
const err2 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "selector"},message:"must have required property '"+"selector"+"'"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
if(data.asOf === undefined){
const err3 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "asOf"},message:"must have required property '"+"asOf"+"'"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
if(data.options === undefined){
const err4 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "options"},message:"must have required property '"+"options"+"'"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
for(const key0 in data){
if(!(((((key0 === "profile") || (key0 === "tenant")) || (key0 === "selector")) || (key0 === "asOf")) || (key0 === "options"))){
const err5 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
if(data.profile !== undefined){
let data0 = data.profile;
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
if(data0.kind === undefined){
const err6 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/required",keyword:"required",params:{missingProperty: "kind"},message:"must have required property '"+"kind"+"'"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(data0.variant === undefined){
const err7 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/required",keyword:"required",params:{missingProperty: "variant"},message:"must have required property '"+"variant"+"'"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
if(data0.name === undefined){
const err8 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/required",keyword:"required",params:{missingProperty: "name"},message:"must have required property '"+"name"+"'"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
if(data0.revision === undefined){
const err9 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/required",keyword:"required",params:{missingProperty: "revision"},message:"must have required property '"+"revision"+"'"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
for(const key1 in data0){
if(!((((key1 === "kind") || (key1 === "variant")) || (key1 === "name")) || (key1 === "revision"))){
const err10 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data0.kind !== undefined){
let data1 = data0.kind;
if(typeof data1 === "string"){
if(!pattern4.test(data1)){
const err11 = {instancePath:instancePath+"/profile/kind",schemaPath:"#/$defs/profile/properties/kind/pattern",keyword:"pattern",params:{pattern: "^[a-z][a-z0-9-]{0,30}$"},message:"must match pattern \""+"^[a-z][a-z0-9-]{0,30}$"+"\""};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
else {
const err12 = {instancePath:instancePath+"/profile/kind",schemaPath:"#/$defs/profile/properties/kind/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data0.variant !== undefined){
let data2 = data0.variant;
if(typeof data2 === "string"){
if(!pattern4.test(data2)){
const err13 = {instancePath:instancePath+"/profile/variant",schemaPath:"#/$defs/profile/properties/variant/pattern",keyword:"pattern",params:{pattern: "^[a-z][a-z0-9-]{0,30}$"},message:"must match pattern \""+"^[a-z][a-z0-9-]{0,30}$"+"\""};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
}
else {
const err14 = {instancePath:instancePath+"/profile/variant",schemaPath:"#/$defs/profile/properties/variant/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
}
if(data0.name !== undefined){
let data3 = data0.name;
if(typeof data3 === "string"){
if(!pattern6.test(data3)){
const err15 = {instancePath:instancePath+"/profile/name",schemaPath:"#/$defs/profile/properties/name/pattern",keyword:"pattern",params:{pattern: "^[a-z0-9](?:[a-z0-9:-]{0,61}[a-z0-9])?$"},message:"must match pattern \""+"^[a-z0-9](?:[a-z0-9:-]{0,61}[a-z0-9])?$"+"\""};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
else {
const err16 = {instancePath:instancePath+"/profile/name",schemaPath:"#/$defs/profile/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
if(data0.revision !== undefined){
let data4 = data0.revision;
if(typeof data4 === "string"){
if(!pattern7.test(data4)){
const err17 = {instancePath:instancePath+"/profile/revision",schemaPath:"#/$defs/profile/properties/revision/pattern",keyword:"pattern",params:{pattern: "^r[1-9][0-9]{0,8}$"},message:"must match pattern \""+"^r[1-9][0-9]{0,8}$"+"\""};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
else {
const err18 = {instancePath:instancePath+"/profile/revision",schemaPath:"#/$defs/profile/properties/revision/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
}
}
else {
const err19 = {instancePath:instancePath+"/profile",schemaPath:"#/$defs/profile/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
}
if(data.tenant !== undefined){
let data5 = data.tenant;
if(typeof data5 === "string"){
if(!pattern8.test(data5)){
const err20 = {instancePath:instancePath+"/tenant",schemaPath:"#/properties/tenant/pattern",keyword:"pattern",params:{pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"},message:"must match pattern \""+"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"+"\""};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
else {
const err21 = {instancePath:instancePath+"/tenant",schemaPath:"#/properties/tenant/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
}
if(data.selector !== undefined){
if(!(validate21(data.selector, {instancePath:instancePath+"/selector",parentData:data,parentDataProperty:"selector",rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
if(data.asOf !== undefined){
let data7 = data.asOf;
if(typeof data7 === "string"){
if(!pattern10.test(data7)){
const err22 = {instancePath:instancePath+"/asOf",schemaPath:"#/$defs/instant/pattern",keyword:"pattern",params:{pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"},message:"must match pattern \""+"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{0,8}[1-9])?Z$"+"\""};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
}
else {
const err23 = {instancePath:instancePath+"/asOf",schemaPath:"#/$defs/instant/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
}
if(data.options !== undefined){
let data8 = data.options;
if(data8 && typeof data8 == "object" && !Array.isArray(data8)){
if(data8.skipInvalid !== undefined){
if(typeof data8.skipInvalid !== "boolean"){
const err24 = {instancePath:instancePath+"/options/skipInvalid",schemaPath:"#/$defs/options/properties/skipInvalid/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
}
}
else {
const err25 = {instancePath:instancePath+"/options",schemaPath:"#/$defs/options/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err25];
}
else {
vErrors.push(err25);
}
errors++;
}
}
}
else {
const err26 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};

function countCodePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a value departs from the schema, as a JSON pointer (RFC 6901), and how; the first hundred of them. */
export function findFaults(value: unknown): { readonly pointer: string; readonly problem: string }[] {
  if (validate(value)) return [];
  return validate.errors.slice(0, 100).map((error) => {
    const member = error.params.additionalProperty ?? error.params.missingProperty ?? error.propertyName;
    const step = member === undefined ? '' : '/' + member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    const unknown = error.keyword === 'additionalProperties' ? 'is not known' : undefined;
    const missing = error.keyword === 'required' ? 'is missing' : undefined;
    return { pointer: error.instancePath + step, problem: unknown ?? missing ?? error.message };
  });
}
